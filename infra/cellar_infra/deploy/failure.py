"""Why a stack failed: the first failures of its last operation, in CloudFormation's words, with the line of the template.

The CLI only says which command would tell. What fails first is the cause; the rest was cancelled because of it.
"""

from __future__ import annotations

import re
from typing import Any

from cellar_infra import render
from cellar_infra.deploy.aws import Aws, AwsError

MOST = 3
# With these a stack's own event begins an operation; what is older belongs to another one.
BEGINNINGS = {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS"}
CANCELLED = re.compile(r"Resource (creation|update|deletion) cancelled", re.IGNORECASE)


def reasons(aws: Aws, stack: str, template: str, region: str) -> list[str]:
    """The first failures, oldest first; none if the events cannot be read."""
    try:
        answer = aws.ask("cloudformation", "describe-stack-events", "--stack-name", stack, "--region", region)
    except AwsError:
        return []
    failed = [event for event in last_operation(answer.get("StackEvents", [])) if is_cause(event)]
    return [describe(event, template) for event in failed[:MOST]]


def last_operation(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events of the last operation, oldest first. CloudFormation gives all, newest first."""
    found: list[dict[str, Any]] = []
    for event in events:
        found.insert(0, event)
        of_stack = event.get("PhysicalResourceId") == event.get("StackId")
        if of_stack and event.get("ResourceStatus") in BEGINNINGS:
            break
    return found


def is_cause(event: dict[str, Any]) -> bool:
    """A resource's failure that no other one caused."""
    return (
        event.get("PhysicalResourceId") != event.get("StackId")
        and str(event.get("ResourceStatus", "")).endswith("_FAILED")
        and not CANCELLED.search(event.get("ResourceStatusReason") or "")
    )


def describe(event: dict[str, Any], template: str) -> str:
    """One failure in one line."""
    name = event.get("LogicalResourceId", "?")
    reason = " ".join((event.get("ResourceStatusReason") or "no reason given").split())
    return f"{place(template, name)}: {name} ({event.get('ResourceType', '?')}): {reason}"


def place(template: str, resource: str) -> str:
    """File and line of a resource; of one that SAM made, those of the resource that it was made from."""
    lines = (render.TEMPLATES / f"{template}.yaml").read_text().splitlines()
    after = lines.index("Resources:") if "Resources:" in lines else 0
    found: dict[str, int] = {}
    for number, line in enumerate(lines[after:], start=after + 1):
        if match := re.fullmatch(r"  (\w+):.*", line):
            found.setdefault(match[1], number)
    named = [name for name in found if resource.startswith(name)]
    file = f"infra/templates/{template}.yaml"
    return f"{file}:{found[max(named, key=len)]}" if named else file
