"""Roles may do what is needed: actions that exist, on resources that are named.

Which actions exist and which take resources is AWS's Service Authorization Reference, as cfn-lint carries it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import cfnlint

from cellar_infra.checks.model import Bundle, Finding, Json, as_list, dig, ref, rule, walk

PRINCIPALS = {"lambda.amazonaws.com", "scheduler.amazonaws.com", "backup.amazonaws.com", "codedeploy.amazonaws.com"}
REGIONAL = {"dynamodb", "lambda", "logs", "sqs"}
# Services that act for many accounts, and how their role is bound to ours. AWS documents aws:SourceAccount for EventBridge Scheduler;
# for AWS Backup it does not say that the key is always there, and a role that cannot be assumed makes no backups.
BOUND_TO_ACCOUNT = {"scheduler.amazonaws.com": "StringEquals", "backup.amazonaws.com": "StringEqualsIfExists"}
# An action that takes no resource but has a condition that binds it.
BOUND_BY_CONDITION = {"cloudwatch:PutMetricData": "cloudwatch:namespace"}


@cache
def services() -> dict[str, Any]:
    """Services, their actions and the kinds of resources of each."""
    path = Path(cfnlint.__file__).parent / "data" / "AdditionalSpecs" / "Policies.json"
    return json.loads(path.read_text())


def known(action: str) -> dict[str, Any] | None:
    """What is known of an action; `None` if there is no such."""
    service, _, name = action.partition(":")
    return services().get(service, {}).get("Actions", {}).get(name.lower())


def statements(bundle: Bundle) -> Iterator[tuple[str, str, Json]]:
    """All statements of all policy documents, SAM's included."""
    for template, document in bundle.expanded.items():
        for name, resource in document.get("Resources", {}).items():
            for path, value in walk(resource.get("Properties", {})):
                if path.endswith(("PolicyDocument", "AssumeRolePolicyDocument")) and isinstance(value, dict):
                    for statement in as_list(value.get("Statement")):
                        yield template, f"{name}{path}", statement


@rule
def actions_exist(bundle: Bundle) -> Iterator[Finding]:
    for template, where, statement in statements(bundle):
        for action in as_list(statement.get("Action")):
            if statement.get("Effect") == "Allow" and ("*" in action or known(action) is None):
                yield Finding(template, where, f"there is no action {action}")


@rule
def resources_are_named(bundle: Bundle) -> Iterator[Finding]:
    for template, where, statement in statements(bundle):
        if statement.get("Effect") != "Allow" or "*" not in as_list(statement.get("Resource")):
            continue
        for action in as_list(statement.get("Action")):
            bound = BOUND_BY_CONDITION.get(action)
            if bound and bound not in str(statement.get("Condition")):
                yield Finding(template, where, f"{action} must be bound by {bound}")
            elif not bound and (known(action) or {}).get("Resources"):
                yield Finding(template, where, f"{action} takes resources and is allowed on all")


@rule
def trust(bundle: Bundle) -> Iterator[Finding]:
    for template, name, role in bundle.properties("AWS::IAM::Role", expanded=True):
        for statement in as_list(dig(role, "AssumeRolePolicyDocument", "Statement")):
            services_in = as_list(dig(statement, "Principal", "Service"))
            if not services_in:
                yield Finding(template, name, "may be taken by somebody who is no AWS service")
            for unknown in sorted(set(services_in) - PRINCIPALS):
                yield Finding(template, name, f"trusts {unknown}, which is none of {sorted(PRINCIPALS)}")
            for service in sorted(BOUND_TO_ACCOUNT.keys() & set(services_in)):
                operator = BOUND_TO_ACCOUNT[service]
                if not dig(statement, "Condition", operator, "aws:SourceAccount"):
                    yield Finding(template, name, f"{service} needs {operator} of aws:SourceAccount")


@rule
def one_role_each(bundle: Bundle) -> Iterator[Finding]:
    for template, document in bundle.expanded.items():
        used: dict[str, str] = {}
        for name, resource in document.get("Resources", {}).items():
            role = dig(resource, "Properties", "Role", "Fn::GetAtt", 0)
            if resource.get("Type") != "AWS::Lambda::Function" or role is None:
                continue
            if role in used:
                yield Finding(template, name, f"shares {role} with {used[role]}")
            used[role] = name


# What else a role must allow, by template and role: what its user calls.
USES = {
    ("function", "PreTrafficRole"): {"lambda:InvokeFunction", "codedeploy:PutLifecycleEventHookExecutionStatus"},
    ("function", "ScheduleRole"): {"lambda:InvokeFunction"},
    ("backup", "ExportRole"): {"dynamodb:ExportTableToPointInTime", "s3:PutObject", "sqs:SendMessage"},
    ("function", "Role"): {
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
        "s3:GetObject",
        "s3:PutObject",
    },
    ("imports", "Role"): {
        "dynamodb:BatchWriteItem",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "s3:DeleteObject",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
        "sqs:SendMessage",
    },
    ("purge", "Role"): {
        "cloudfront:CreateInvalidation",
        "cloudfront-keyvaluestore:DescribeKeyValueStore",
        "cloudfront-keyvaluestore:ListKeys",
        "cloudfront-keyvaluestore:UpdateKeys",
        "dynamodb:UpdateItem",
        "dynamodb:GetRecords",
    },
    ("watch", "CanaryRole"): {"s3:PutObject", "cloudwatch:PutMetricData"},
}


@rule
def roles_allow_what_is_called(bundle: Bundle) -> Iterator[Finding]:
    allowed: dict[tuple[str, str], set[str]] = {}
    for template, where, statement in statements(bundle):
        allowed.setdefault((template, where.split("/")[0]), set()).update(as_list(statement.get("Action")))
    for (template, role), needed in USES.items():
        for action in sorted(needed - allowed.get((template, role), set())):
            yield Finding(template, role, f"does not allow {action}, which is called")


@rule
def arns_are_whole(bundle: Bundle) -> Iterator[Finding]:
    """Of services whose resources are regional, ARNs have a region and an account."""
    for template, document in bundle.expanded.items():
        for path, value in walk(document.get("Resources", {})):
            text = value if isinstance(value, str) else ""
            parts = re.sub(r"\$\{[^}]*\}", "x", text).split(":")
            if text.startswith("arn:") and len(parts) > 5 and parts[2] in REGIONAL and not (parts[3] and parts[4]):
                yield Finding(template, path, f"{text} lacks a region or an account")


# What the function does with the table (store/, changes/), by the SDK's names of operations.
NEEDED = {
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:Query",
    "dynamodb:Scan",
}
INDEXES = ("by_cell", "by_category", "by_category_2", "by_category_3", "by_category_4")


@rule
def the_function_may_do_its_work(bundle: Bundle) -> Iterator[Finding]:
    allowed: dict[str, Json] = {}
    for template, where, statement in statements(bundle):
        if template == "function" and where.startswith("Role/"):
            allowed |= {action: statement.get("Resource") for action in as_list(statement.get("Action"))}
    for action in sorted(NEEDED - set(allowed)):
        yield Finding("function", "Role", f"the function calls {action} and may not")
    for action in ("dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:DescribeStream"):
        if allowed.get(action) != ref("StreamArn"):
            yield Finding("function", "Role", f"the stream cannot be read: {action}")
    queried = [str(dig(resource, "Fn::Sub")) for resource in as_list(allowed.get("dynamodb:Query"))]
    for index in INDEXES:
        if not any(resource.endswith(f"/index/{index}") for resource in queried):
            yield Finding(
                "function", "Role", f"searches are Queries of the index {index}, which the role does not allow"
            )
