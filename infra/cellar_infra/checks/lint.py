"""cfn-lint, on the templates as written and as SAM expands them, for each region that they may be deployed to."""

from __future__ import annotations

import json
from collections.abc import Iterator

from cfnlint.api import lint as run
from cfnlint.config import ManualArgs

from cellar_infra.checks.model import Bundle, Finding, Template

# The regions of the examples. A resource type that a region lacks is an error there (E3006).
REGIONS = ["us-east-1", "eu-west-1", "ap-southeast-1", "us-west-2"]
ONLY_US_EAST_1 = {"edge", "alarms"}

# SAM puts values in the place of some parameters, which are unused after that.
UNUSED_PARAMETER = "W2001"


def lint(name: str, template: Template, *, expanded: bool = False, regions: list[str] | None = None) -> list[Finding]:
    """What cfn-lint says of one template; warnings count."""
    where = ["us-east-1"] if name in ONLY_US_EAST_1 else regions or REGIONS
    ignored = [UNUSED_PARAMETER] if expanded else []
    matches = run(json.dumps(template), regions=where, config=ManualArgs(regions=where, ignore_checks=ignored))
    return [
        Finding(name, f"[{match.rule.id}] {'/'.join(map(str, match.path or []))}", match.message) for match in matches
    ]


def lint_all(bundle: Bundle) -> Iterator[Finding]:
    """All templates, in both forms."""
    for name, template in bundle.sources.items():
        yield from lint(name, template)
        if bundle.expanded[name] is not template:
            yield from lint(name, bundle.expanded[name], expanded=True)
