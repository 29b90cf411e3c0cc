"""All checks of all templates: our rules first, they are quick; then cfn-lint."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import cellar_infra.checks.rules  # noqa: F401  (registers them)
from cellar_infra.checks import lint, load
from cellar_infra.checks.model import RULES, Bundle, Finding, resolved


def by_rules(bundle: Bundle) -> Iterator[Finding]:
    """What our own rules find."""
    whole = with_all(bundle)
    for one in RULES:
        yield from one(whole)


# What a deployment without a domain or without a network leaves out. Our rules look at the whole; cfn-lint at both.
PARTS = {"HasCors", "HasDomain", "HasImports", "HasNetwork", "HasReserved"}


def with_all(bundle: Bundle) -> Bundle:
    """The templates with all their parts."""
    return Bundle(
        {name: resolved(template, PARTS, met=True) for name, template in bundle.sources.items()},
        {name: resolved(template, PARTS, met=True) for name, template in bundle.expanded.items()},
    )


def main() -> int:
    """Prints what is wrong; 1 if anything is."""
    bundle = load.bundle()
    findings = [*by_rules(bundle), *lint.lint_all(bundle)]
    for finding in findings:
        print(finding, file=sys.stderr)
    regions = ", ".join(lint.REGIONS)
    if not findings:
        print(f"{len(bundle.sources)} templates: {len(RULES)} rules and cfn-lint in {regions} find nothing wrong")
    return 1 if findings else 0


if __name__ == "__main__":
    raise SystemExit(main())
