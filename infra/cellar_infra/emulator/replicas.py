"""Global tables with a table in each region, and one change of replicas an update, as DynamoDB has it.

The emulator makes the table of the stack's own region only. Nothing is replicated between them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

GLOBAL_TABLE = "AWS::DynamoDB::GlobalTable"


@contextmanager
def region(name: str) -> Iterator[None]:
    """What is done within is done in that region."""
    from ministack.core.responses import get_region, set_request_region

    before = get_region()
    set_request_region(name)
    try:
        yield
    finally:
        set_request_region(before)


def everywhere(original: dict[str, Any]) -> dict[str, Any]:
    """The handlers of the global table."""
    from ministack.core.responses import get_region

    def others(properties: dict[str, Any]) -> list[str]:
        return [one["Region"] for one in properties["Replicas"] if one["Region"] != get_region()]

    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        for name in others(properties):
            with region(name):
                original["create"](logical_id, properties, stack)
        return original["create"](logical_id, properties, stack)

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str, *more: Any) -> Any:
        before, after = set(others(old)), set(others(new))
        if len(before ^ after) > 1:
            raise ValueError("Only one replica can be created or deleted in a single update")
        for name in after - before:
            with region(name):
                original["create"](more[0] if more else physical_id, new, stack)
        for name in before - after:
            with region(name):
                original["delete"](physical_id, old)
        return original["update"](physical_id, old, new, stack, *more)

    def delete(physical_id: str, properties: dict[str, Any]) -> Any:
        for name in others(properties):
            with region(name):
                original["delete"](physical_id, properties)
        return original["delete"](physical_id, properties)

    return {**original, "create": create, "update": update, "delete": delete}
