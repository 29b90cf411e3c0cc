"""Takes everything down, last things first. The table and the buckets stay unless it is said that they go.

Invariant: no data goes without `--data`, and a table that is protected is made unprotected in the open, by an update of its stack.
"""

from __future__ import annotations

import sys

from cellar_infra.deploy.apply import Deployment, wait
from cellar_infra.deploy.config import MOST_REGIONS
from cellar_infra.deploy.stacks import Stack
from cellar_infra.deploy.state import STUCK, StateError

KEPT = "the buckets of artifacts, exports, canaries and logs, and the vault with backups"


def destroy(deployment: Deployment, *, data: bool) -> None:
    """Deletes all stacks in reverse order."""
    stacks = list(dict.fromkeys((s.template, s.region) for s in deployment.plan() if isinstance(s, Stack)))
    for template, region in reversed(stacks):
        if template == "table" and data:
            unprotect(deployment)
        remove(deployment, template, region)
    if data:
        table = f"{deployment.config.name}-places"
        deployment.aws.change("dynamodb", "delete-table", "--table-name", table, "--region", deployment.config.home)
    kept = KEPT if data else f"the table {deployment.config.name}-places, {KEPT}"
    print(f"what is left, and costs: {kept}", file=sys.stderr)


def remove(deployment: Deployment, template: str, region: str) -> None:
    """One stack, and waits until it is gone."""
    state = deployment.state
    if not deployment.aws.dry and state.status(template, region) == "-":
        return
    if not deployment.aws.dry and state.status(template, region) in STUCK - {"DELETE_FAILED"}:
        raise StateError(f"{state.stack_name(template)} in {region} is stuck: see its events in CloudFormation")
    print(f"{region}: delete stack {template}", file=sys.stderr)
    name = state.stack_name(template)
    deployment.aws.change("cloudformation", "delete-stack", "--stack-name", name, "--region", region)
    wait(deployment.aws, "stack-delete-complete", name, region)
    state.forget(template, region)


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
