"""Every variable that the templates set is one that the function reads. What is left at its default is listed, with a reason."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from cellar_infra.checks.contract import variables
from cellar_infra.checks.model import Bundle, Finding, dig, rule

LIST = Path(__file__).resolve().parents[1] / "variables.toml"


@cache
def reasons() -> dict[str, str]:
    """variables.toml: names and why."""
    return tomllib.loads(LIST.read_text())["default"]


def written(bundle: Bundle) -> dict[str, str]:
    """Variables that templates set, and where."""
    return {
        variable: f"{template}.yaml {name}"
        for template, name, function in bundle.properties("AWS::Serverless::Function")
        for variable in dig(function, "Environment", "Variables") or {}
        if variable.startswith("CELLAR_")
    }


@rule
def both_ways(bundle: Bundle) -> Iterator[Finding]:
    read, default = variables(), reasons()
    ours = written(bundle)
    for variable, where in sorted(ours.items()):
        if variable not in read:
            yield Finding("function", where, f"the function does not read {variable}")
        if variable in default:
            yield Finding("function", where, f"{variable} is set and listed in variables.toml as not set")
    for variable in sorted(read - set(ours) - set(default)):
        yield Finding(
            "function", "Environment", f"{variable} is neither set nor listed in variables.toml with a reason"
        )
    for variable in sorted(set(default) - read):
        yield Finding("function", "variables.toml", f"{variable} is listed and the function does not read it")


@rule
def values_are_allowed(bundle: Bundle) -> Iterator[Finding]:
    for template, name, function in bundle.properties("AWS::Serverless::Function"):
        for variable, value in (dig(function, "Environment", "Variables") or {}).items():
            secret = re.search(r"TOKEN|SECRET", variable)
            if secret and "{{resolve:secretsmanager:" not in str(value):
                yield Finding(template, f"{name} {variable}", "is a secret and must come from Secrets Manager")
