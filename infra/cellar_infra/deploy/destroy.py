"""Takes everything down, last things first. The table and the buckets stay unless it is said that they go.

Invariant: no data goes without `--data`, and a table that is protected is made unprotected in the open: by an update of its stack, or,
when its stack is gone, by calls that a dry run prints.
"""

from __future__ import annotations

import sys
from typing import Any

from cellar_infra.deploy import apply
from cellar_infra.deploy.apply import Deployment
from cellar_infra.deploy.aws import AwsError
from cellar_infra.deploy.config import MOST_REGIONS
from cellar_infra.deploy.stacks import Stack, stacks
from cellar_infra.deploy.state import StateError

KEPT = "the buckets of artifacts, imports, exports, canaries and logs, and the vault with backups"
POLL_S = 10
# DynamoDB takes minutes to remove a replica.
MOST_POLLS = 180


def destroy(deployment: Deployment, *, data: bool) -> None:
    """Deletes all stacks in reverse order. What is gone already is passed over."""
    for template, region in reversed(stacks(deployment.plan())):
        if template == "table" and data:
            unprotect(deployment)
        deployment.remove(template, region)
    if data:
        delete_table(deployment)
    kept = KEPT if data else f"the table {table_name(deployment)}, {KEPT}"
    print(f"what is left, and costs: {kept}", file=sys.stderr)


def table_name(deployment: Deployment) -> str:
    return f"{deployment.config.name}-places"


def unprotect(deployment: Deployment) -> None:
    """Protection off; then the replicas go, one in an update, as DynamoDB wants it."""
    config = deployment.config
    if not deployment.aws.dry and deployment.state.status("table", config.home) == "-":
        return
    replicas = config.regions if deployment.aws.dry else deployment.state.replicas()
    others = list(replicas[1:])
    while True:
        slots = others + [""] * (MOST_REGIONS - 1 - len(others))
        regions = {f"Region{number}": region for number, region in enumerate(slots, start=2)}
        deployment.deploy(Stack("table", config.home, {"Name": config.name, "DeletionProtection": "false", **regions}))
        if not others:
            return
        others.pop()


def delete_table(deployment: Deployment) -> None:
    """The table itself, which outlives its stack; also one whose stack went before."""
    config, table = deployment.config, table_name(deployment)
    where = ("--table-name", table, "--region", config.home)
    if not deployment.aws.dry:
        found = described(deployment, config.home)
        if found is None:
            return
        for replica in [one["RegionName"] for one in found.get("Replicas", []) if one["RegionName"] != config.home]:
            _unprotect_in(deployment, replica)
            update = f'[{{"Delete":{{"RegionName":"{replica}"}}}}]'
            deployment.aws.change("dynamodb", "update-table", *where, "--replica-updates", update)
            _until_alone(deployment, replica)
        _unprotect_in(deployment, config.home)
    deployment.aws.change("dynamodb", "delete-table", *where)


def described(deployment: Deployment, region: str) -> dict[str, Any] | None:
    """What DynamoDB says of the table in a region, `None` if it is not there."""
    try:
        answer = deployment.aws.ask(
            "dynamodb", "describe-table", "--table-name", table_name(deployment), "--region", region
        )
    except AwsError as error:
        if "ResourceNotFoundException" in error.text:
            return None
        raise
    return None if answer["Table"].get("TableStatus") == "DELETING" else answer["Table"]


def _unprotect_in(deployment: Deployment, region: str) -> None:
    found = described(deployment, region)
    if found and found.get("DeletionProtectionEnabled"):
        where = ("--table-name", table_name(deployment), "--region", region)
        deployment.aws.change("dynamodb", "update-table", *where, "--no-deletion-protection-enabled")
        deployment.aws.change("dynamodb", "wait", "table-exists", *where)


def _until_alone(deployment: Deployment, replica: str) -> None:
    for _ in range(MOST_POLLS):
        found = described(deployment, deployment.config.home) or {}
        regions = {one["RegionName"] for one in found.get("Replicas", [])}
        if replica not in regions and found.get("TableStatus") == "ACTIVE":
            return
        apply.pause(POLL_S)
    raise StateError(f"{table_name(deployment)} still has a replica in {replica}; run the same command again")
