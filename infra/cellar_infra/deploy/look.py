"""Looking without touching: what would change, and how things are."""

from __future__ import annotations

import json
import sys
from typing import Any

from cellar_infra.deploy.apply import Deployment, title
from cellar_infra.deploy.stacks import Remove, Settle, Stack, Upload, stacks
from cellar_infra.deploy.state import NEVER_WHOLE, StateError


def plan(deployment: Deployment) -> None:
    """The steps of a first deployment, with where each parameter comes from. Asks AWS nothing."""
    for number, step in enumerate(deployment.plan(), start=1):
        if isinstance(step, Upload):
            print(f"{number:3}  {step.region:15} upload    {deployment.config.code}")
            continue
        if not isinstance(step, Stack):
            print(f"{number:3}  {title(step)}")
            continue
        print(f"{number:3}  {step.region:15} {step.template}")
        width = max(map(len, step.parameters), default=0)
        for name, value in step.parameters.items():
            print(f"     {'':15}   {name:{width}}  {value or '(none)'}")


def diff(deployment: Deployment) -> int:
    """What a deployment would change, by change sets that are made and thrown away. Returns how many resources."""
    total = 0
    for step in deployment.plan():
        if isinstance(step, Upload | Settle):
            continue
        name = f"{step.region} {step.template}"
        if isinstance(step, Remove):
            there = deployment.state.status(step.template, step.region) != "-"
            print(f"{name}: {'would be deleted' if there else 'nothing'}")
            total += there
            continue
        if deployment.state.status(step.template, step.region) in {"-"} | NEVER_WHOLE:
            print(f"{name}: would be created")
            total += 1
            continue
        try:
            changes = changes_of(deployment, step)
        except StateError as error:
            print(f"{name}: cannot be said yet: {error}")
            continue
        total += len(changes)
        print(f"{name}: {len(changes)} changes" if changes else f"{name}: nothing")
        for change in changes:
            one = change["ResourceChange"]
            replaced = ", replaced" if one.get("Replacement") == "True" else ""
            print(f"    {one['Action'].lower():7} {one['LogicalResourceId']} ({one['ResourceType']}{replaced})")
    return total


def changes_of(deployment: Deployment, step: Stack) -> list[dict[str, Any]]:
    """Changes of one stack."""
    told = deployment.aws.change(*deployment.command(step, "--no-execute-changeset"))
    found = [word for word in told.split() if ":changeSet/" in word]
    if not found:
        deployment.sweep(step)
        return []
    where = ("--change-set-name", found[0], "--region", step.region)
    described = deployment.aws.ask("cloudformation", "describe-change-set", *where)
    deployment.aws.change("cloudformation", "delete-change-set", *where)
    return described.get("Changes", [])


def status(deployment: Deployment, *, as_json: bool) -> int:
    """Every stack's state; 1 if any is not complete."""
    regions = {step.region for step in deployment.plan() if isinstance(step, Stack)}
    rows = [
        (region, template, deployment.state.status(template, region))
        for template, region in stacks(deployment.plan())
        if region in regions or deployment.state.status(template, region) != "-"
    ]
    if as_json:
        print(json.dumps([{"region": r, "stack": t, "status": s} for r, t, s in rows], indent=1))
    else:
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        for row in rows:
            print("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    bad = [row for row in rows if row[2] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE")]
    if bad:
        print(f"{len(bad)} of {len(rows)} stacks are not complete", file=sys.stderr)
    return 1 if bad else 0
