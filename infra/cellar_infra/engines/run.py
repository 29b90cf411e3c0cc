"""The tests of the store, the change feed and the jobs against engines that others wrote: infra/check --dynamodb."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from cellar_infra.engines.engine import KINDS, Engine
from cellar_infra.engines.faults import Faults
from cellar_infra.engines.proxy import Behaviour, Notes, Proxy
from cellar_infra.engines.suites import PLANS, Plan, Suite
from cellar_infra.render import REPOSITORY

LINE = re.compile(r"^test (\S+) \.\.\. (ok|FAILED|ignored)", re.MULTILINE)
PAGE = REPOSITORY / "docs/CONFORMANCE.md"
CALL = re.compile(r"^\| `([A-Z]\w+)` \| ((?:`\w+`(?:, )?)+) \|", re.MULTILINE)
# Its tests need a table of an earlier version, which only the embedded engine makes.
NOT_ASKED = {"UpdateTable"}
# Of the tests of one crate.
LIMIT_S = 150
THREADS = 4
SECTION = re.compile(r"^---- (\S+) stdout ----\n(.*?)(?=^---- |^failures:$|\Z)", re.MULTILINE | re.DOTALL)
# Of what a test says when it fails.
MOST_TOLD = 600
CREDENTIALS = {
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "RUST_BACKTRACE": "0",
}


@dataclass
class Outcome:
    """What came of a plan: how many tests passed, and what is not as it is said to be."""

    passed: int
    wrong: list[str]
    seconds: float
    notes: Notes


def programs(messages: Path) -> dict[str, str]:
    """The integration tests that cargo built, by package: from its messages in JSON."""
    found = {}
    for line in messages.read_text().splitlines():
        message = json.loads(line) if line.startswith("{") else {}
        target = message.get("target", {})
        if message.get("executable") and target.get("name") == "it" and "test" in target.get("kind", []):
            # `path+file:///…/api/store#cellar-store@0.1.0`, and without the name where the folder has it.
            place, _, name = message["package_id"].rpartition("#")
            name = name.partition("@")[0] if "@" in name else place.rpartition("/")[2]
            found[name] = message["executable"]
    return found


def run(plan: Plan, built: dict[str, str], folder: Path, *, verbose: bool) -> Outcome:
    """Carries out one plan."""
    kind, start = KINDS[plan.engine], time.monotonic()
    behaviour = Behaviour(Faults.read(plan.faults), shards=plan.shards, granted=kind.granted)
    passed, wrong, failed = 0, list[str](), set[str]()
    with Engine(kind, folder) as engine:
        proxy = Proxy(engine.port, behaviour)
        for suite in plan.suites:
            if suite.streams and not kind.has_streams:
                continue
            output, results = tests(built[suite.package], suite, plan, proxy.url)
            lost = [name for name, result in results.items() if result == "FAILED"]
            failed.update(lost)
            passed += list(results.values()).count("ok")
            told = dict(SECTION.findall(output))
            for name in [name for name in lost if verbose or name not in plan.deviates]:
                print(f"{suite.package} {name}: {told.get(name, '').strip()[:MOST_TOLD]}", file=sys.stderr)
            wrong += [f"{suite.package}: {name} fails" for name in lost if name not in plan.deviates]
            if "test result:" not in output:
                wrong.append(f"{suite.package}: the tests do not end: {output[-MOST_TOLD:]}")
        proxy.close()
    wrong += [f"{name} passes now: take it from suites.py" for name in plan.deviates if name not in failed]
    return Outcome(passed, wrong, time.monotonic() - start, proxy.notes)


def tests(program: str, suite: Suite, plan: Plan, url: str) -> tuple[str, dict[str, str]]:
    """The output of a crate's tests, and the result of each."""
    skipped = [word for name in plan.left_out for word in ("--skip", name)]
    command = [program, *(f"{module}::" for module in suite.modules), *skipped, f"--test-threads={THREADS}"]
    env = os.environ | CREDENTIALS | {"CELLAR_TEST_DYNAMODB_ENDPOINT": url}
    try:
        done = subprocess.run(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired as late:
        output = (late.stdout or b"").decode(errors="replace") if isinstance(late.stdout, bytes) else str(late.stdout)
        return f"after {LIMIT_S} s:\n{output}", dict(LINE.findall(output))
    return done.stdout, dict(LINE.findall(done.stdout))


def documented() -> dict[str, set[str]]:
    """The calls of the page, with their parameters."""
    return {call: set(re.findall(r"\w+", names)) for call, names in CALL.findall(PAGE.read_text())}


def differences(asked: dict[str, set[str]]) -> list[str]:
    """What the page says and nobody asked, and the reverse."""
    told = {call: names for call, names in documented().items() if call not in NOT_ASKED}
    return [
        f"docs/CONFORMANCE.md has {sorted(told.get(call, set()))} for {call}, and asked was {sorted(asked.get(call, set()))}"
        for call in sorted(told.keys() | asked.keys())
        if told.get(call) != asked.get(call)
    ]


def title(plan: Plan) -> str:
    more = [plan.faults] if plan.faults else []
    more += ["many shards"] if plan.shards else []
    return f"{plan.engine} {KINDS[plan.engine].version}{': ' if more else ''}{', '.join(more)}"


def main() -> int:
    """Runs all plans and says what came of each."""
    parser = argparse.ArgumentParser(prog="infra/check --dynamodb", description=__doc__)
    parser.add_argument("--messages", type=Path, required=True, help="of cargo test --no-run --message-format=json")
    parser.add_argument("--engine", choices=KINDS, help="only this one; dynamodb-local runs by its name alone")
    parser.add_argument(
        "--notes", action="store_true", help="what was asked, with which parameters, and what was refused"
    )
    parser.add_argument("--verbose", action="store_true", help="what tests say that deviate, too")
    given = parser.parse_args()
    built, bad, all_asked = programs(given.messages), 0, dict[str, set[str]]()
    with tempfile.TemporaryDirectory(prefix="cellar-engines.") as folder:
        for plan in [plan for plan in PLANS if plan.engine == given.engine or not (given.engine or plan.by_name)]:
            outcome = run(plan, built, Path(folder), verbose=given.verbose)
            for problem in outcome.wrong:
                print(f"dynamodb: {title(plan)}: {problem}", file=sys.stderr)
            bad += bool(outcome.wrong)
            for call, names in outcome.notes.parameters.items():
                all_asked.setdefault(call, set()).update(names)
            asked = f"{outcome.notes.requests} requests"
            faults = f", {sum(outcome.notes.faults.values())} faults" if plan.faults else ""
            deviating = f", {len(plan.deviates)} deviate" if plan.deviates else ""
            print(
                f"dynamodb: {title(plan)}: {outcome.passed} tests pass{deviating}, {asked}{faults}, {outcome.seconds:.0f} s",
                flush=True,
            )
            if given.notes:
                show(outcome.notes)
    differing = [] if given.engine else differences(all_asked)
    for line in differing:
        print(f"dynamodb: {line}", file=sys.stderr)
    return 1 if bad or differing else 0


def show(notes: Notes) -> None:
    for operation, parameters in sorted(notes.parameters.items()):
        print(f"  {operation}: {', '.join(sorted(parameters))}")
    for what, count in notes.refusals.most_common():
        print(f"  refused: {what}: {count}")


if __name__ == "__main__":
    raise SystemExit(main())
