"""What the emulator lacks, by name: these resources are recorded and nothing is made. docs/OPERATIONS.md shows the list.

Each has the attributes that templates ask it for. A type that is neither known to the emulator nor listed here fails the stack.
"""

from __future__ import annotations

from typing import Any

STUBS: dict[str, dict[str, str]] = {
    "AWS::Backup::BackupSelection": {},
    "AWS::Budgets::Budget": {},
    "AWS::CodeDeploy::Application": {},
    "AWS::CodeDeploy::DeploymentGroup": {},
    "AWS::EC2::SecurityGroupEgress": {},
    "AWS::EC2::SecurityGroupIngress": {},
    "AWS::ElastiCache::ServerlessCache": {"Endpoint.Address": "cache.example.internal", "Endpoint.Port": "6379"},
    "AWS::Route53::HealthCheck": {},
    "AWS::Synthetics::Canary": {},
}

# Known to the emulator, but not with this property: such a resource is recorded, too.
STUBBED_WITH = {"AWS::CloudWatch::Alarm": "Metrics"}


def partly(original: dict[str, Any], attribute: str) -> dict[str, Any]:
    """The emulator's own handlers, except for resources with a property that it refuses."""
    stub = handler({})

    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        return (stub if attribute in properties else original)["create"](logical_id, properties, stack)

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str, *more: Any) -> Any:
        return (stub if attribute in new else original)["update"](physical_id, old, new, stack, *more)

    def delete(physical_id: str, properties: dict[str, Any], *more: Any) -> Any:
        return (stub if attribute in properties else original)["delete"](physical_id, properties, *more)

    return {**original, "create": create, "delete": delete, **({"update": update} if "update" in original else {})}


def handler(attributes: dict[str, str]) -> dict[str, Any]:
    """How the emulator makes, changes and deletes a resource of a type that it lacks."""

    def create(logical_id: str, _: dict[str, Any], stack: str) -> tuple[str, dict[str, str]]:
        return f"{stack}-{logical_id}".lower(), attributes

    def update(physical_id: str, *_: object) -> tuple[str, dict[str, str]]:
        return physical_id, attributes

    def delete(*_: object) -> None:
        return None

    return {"create": create, "update": update, "delete": delete}
