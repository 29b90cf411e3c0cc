"""Puts each fault into the templates, one at a time, and says who found it."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

from samtranslator.model.exceptions import InvalidDocumentException

from cellar_infra.checks import lint, load
from cellar_infra.checks.faults import FAULTS, Fault
from cellar_infra.checks.model import Bundle, Finding
from cellar_infra.checks.run import by_rules

EXAMPLE = Path(__file__).resolve().parents[2] / "tests" / "function-url.yaml"
# One region is enough to see a fault.
REGION = ["us-east-1"]
MISSED = "nobody"


@cache
def originals() -> Bundle:
    """Templates as they are, and the example of a function URL."""
    return load.with_template(load.bundle(), "url", load.parse(EXAMPLE.read_text()))


@cache
def noise() -> frozenset[str]:
    """What the rules say without a fault: of the example, which is deployed by nobody."""
    return frozenset(str(finding) for finding in by_rules(originals()))


def findings(fault: Fault) -> Iterator[tuple[str, str]]:
    """Who found it and what was said; our rules are asked first."""
    template = fault.put_into(originals().sources[fault.template])
    try:
        bundle = load.with_template(originals(), fault.template, template)
    except InvalidDocumentException as error:
        yield "SAM", error.message
        return
    for found in by_rules(bundle):
        if str(found) not in noise():
            yield "rules", str(found)
    for found in linted(bundle, fault.template):
        yield "cfn-lint", str(found)


def linted(bundle: Bundle, name: str) -> Iterator[Finding]:
    """cfn-lint, on both forms of the changed template."""
    source, expanded = bundle.sources[name], bundle.expanded[name]
    yield from lint.lint(name, source, regions=REGION)
    if expanded is not source:
        yield from lint.lint(name, expanded, expanded=True, regions=REGION)


def finder(number: int) -> tuple[str, str]:
    """The first who found the fault of this number."""
    fault = FAULTS[number]
    try:
        return next(findings(fault), (MISSED, ""))
    except Exception as error:
        raise RuntimeError(f"{fault.what}: {error!r}") from error


def results() -> list[tuple[Fault, str, str]]:
    """All faults, in order, on all cores."""
    noise()  # Before there are more processes, so that they inherit it.
    with ProcessPoolExecutor() as pool:
        return [
            (fault, *found)
            for fault, found in zip(FAULTS, pool.map(finder, range(len(FAULTS)), chunksize=4), strict=True)
        ]


def main() -> int:
    """The table of docs/OPERATIONS.md."""
    arguments = argparse.ArgumentParser(prog="python -m cellar_infra.checks.mutation", description=__doc__)
    arguments.add_argument("--all", action="store_true", help="list every fault, not only those that nobody finds")
    chosen = arguments.parse_args()
    found = results()
    for fault, who, text in found:
        if chosen.all or who == MISSED:
            print(f"{who:9} {fault.template:9} {fault.what}{': ' + text if text else ''}")
    counts = Counter(who for _, who, _ in found)
    caught = len(found) - counts[MISSED]
    told = ", ".join(f"{count} by {who}" for who, count in counts.most_common() if who != MISSED)
    print(f"{caught} of {len(found)} faults found ({100 * caught / len(found):.1f} %): {told}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
