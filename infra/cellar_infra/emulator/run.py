"""infra/deploy from an empty account to an empty account, through the real AWS CLI.

The short form is the smallest deployment, whose stacks are in two regions. The long form is one of two regions and a third.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any

from cellar_infra.deploy.preflight import CHECKS
from cellar_infra.emulator.machine import HOME, SECOND, THIRD, Machine

# Stack and resource that fail once: of each kind of region, early and late.
FAILURES = [
    ("cellar-table", "WriteToken"),
    ("cellar-function", "Warmer"),
    ("cellar-gateway", "Stage"),
    ("cellar-edge", "Distribution"),
    ("cellar-watch", "Canary"),
]
STACKS_OF_TWO = 17
# The emulator has no Synthetics, and nobody is led to its zones.
SKIPPED = ("--skip", "canary", "--skip", "delegation")


class UnmetError(Exception):
    """Something is not as it should be."""


def expect(condition: object, what: str, done: subprocess.CompletedProcess[str] | None = None) -> None:
    if not condition:
        told = f"\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}" if done else ""
        raise UnmetError(what + told)


def succeeds(machine: Machine, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = machine.deploy(*arguments)
    expect(done.returncode == 0, f"infra/deploy {' '.join(arguments)} ends with {done.returncode}", done)
    return done


def stacks(machine: Machine, region: str) -> dict[str, str]:
    """Stacks that there are, with their states."""
    told = machine.aws("cloudformation", "list-stacks", "--region", region)["StackSummaries"]
    return {one["StackName"]: one["StackStatus"] for one in told if one["StackStatus"] != "DELETE_COMPLETE"}


def change_sets(machine: Machine, region: str, stack: str) -> list[str]:
    told = machine.aws("cloudformation", "list-change-sets", "--stack-name", stack, "--region", region)
    return [one["Status"] for one in told["Summaries"]]


def fails_and_goes_on(machine: Machine, failures: list[tuple[str, str]]) -> None:
    """Each failure is explained with its line; the same command goes on."""
    for stack, resource in failures:
        machine.fail_at(stack, resource)
        done = machine.deploy("deploy", *SKIPPED)
        template = stack.removeprefix("cellar-")
        expect(
            done.returncode == 1, f"{resource} of {stack} fails and the deployment ends with {done.returncode}", done
        )
        told = f"{resource} fails, as it was told to"
        lines = [line for line in done.stderr.splitlines() if told in line]
        expect(
            lines and f"infra/templates/{template}.yaml:" in lines[0],
            f"the failure of {resource} is not explained",
            done,
        )
    succeeds(machine, "deploy", *SKIPPED)


def everything_is_there(machine: Machine) -> None:
    found = stacks(machine, HOME) | {f"{SECOND}/{name}": status for name, status in stacks(machine, SECOND).items()}
    expect(len(found) == STACKS_OF_TWO, f"there are {sorted(found)}")
    bad = {
        name: status for name, status in found.items() if not status.endswith(("CREATE_COMPLETE", "UPDATE_COMPLETE"))
    }
    expect(not bad, f"not complete: {bad}")
    succeeds(machine, "status")


def nothing_changes(machine: Machine) -> None:
    """A second deployment updates no stack, uploads nothing and leaves no change set."""
    before = updated(machine)
    succeeds(machine, "deploy", *SKIPPED)
    expect(updated(machine) == before, "a deployment without changes has changed stacks")
    for region in (HOME, SECOND):
        for stack in stacks(machine, region):
            expect(
                "FAILED" not in change_sets(machine, region, stack), f"{stack} in {region} has change sets that failed"
            )


def updated(machine: Machine) -> dict[str, Any]:
    return {
        stack["StackId"]: stack.get("LastUpdatedTime")
        for region in (HOME, SECOND)
        for stack in machine.aws("cloudformation", "describe-stacks", "--region", region)["Stacks"]
    }


def outputs_lead_on(machine: Machine) -> None:
    """What one stack makes is what the next one was given."""
    records = machine.aws("route53", "list-resource-record-sets", "--hosted-zone-id", machine.zone)[
        "ResourceRecordSets"
    ]
    for name in ("origin", "spare"):
        found = sorted(one["SetIdentifier"] for one in records if one["Name"] == f"{name}.places.example.com.")
        expect(found == sorted([HOME, SECOND]), f"the records of {name} are those of {found}")
    for region in (HOME, SECOND):
        variables = machine.aws("lambda", "get-function-configuration", "--function-name", "cellar", "--region", region)
        token = variables["Environment"]["Variables"]["CELLAR_WRITE_TOKEN"]
        expect(len(token) == 48, f"the token in {region} is not resolved: {token}")


def differs(machine: Machine) -> None:
    nothing = succeeds(machine, "diff")
    expect(nothing.stdout.count(": nothing") == STACKS_OF_TWO, "a diff without changes tells of some", nothing)
    some = succeeds(machine, "diff", "--set", "function.MemoryMb=2048")
    expect("modify  Function (" in some.stdout, "a diff does not tell of the function's memory", some)
    everything_is_there(machine)


def a_drill_that_is_ended(machine: Machine) -> None:
    """No user can be asked here. What is tried is that the region is off, then on again."""
    # The emulator does not take the reservation from the template.
    reserve = ("lambda", "put-function-concurrency", "--function-name", "cellar", "--region", SECOND)
    machine.aws(*reserve, "--reserved-concurrent-executions", "200")
    command = machine.command("drill", "--region", SECOND, "--seconds", "600", "--yes")
    for kind in (signal.SIGTERM, signal.SIGHUP):
        with subprocess.Popen(command, env=machine.env, stderr=subprocess.PIPE, text=True) as drill:
            until(lambda: concurrency(machine) == 0, "the drill does not switch the region off")
            drill.send_signal(kind)
            _, told = drill.communicate(timeout=60)
        expect(drill.returncode == 130, f"the drill ends with {drill.returncode}: {told}")
        expect("if this is killed: aws lambda put-function-concurrency" in told, f"nothing restores by hand: {told}")
        expect(concurrency(machine) == 200, f"the concurrency is {concurrency(machine)} after the drill")


def concurrency(machine: Machine) -> int | None:
    asked = ("lambda", "get-function-concurrency", "--function-name", "cellar", "--region", SECOND)
    return machine.aws(*asked).get("ReservedConcurrentExecutions")


def until(condition: Callable[[], bool], what: str) -> None:
    for _ in range(60):
        if condition():
            return
        time.sleep(0.5)
    raise UnmetError(what)


def a_region_comes_and_goes(machine: Machine) -> None:
    machine.regions(HOME, SECOND, THIRD)
    succeeds(machine, "deploy", *SKIPPED)
    expect(len(stacks(machine, THIRD)) == 6, f"the third region has {sorted(stacks(machine, THIRD))}")
    machine.regions(HOME, THIRD)
    gone = succeeds(machine, "deploy", *SKIPPED)
    expect("stack names goes" in gone.stderr, "the region's names do not go", gone)
    expect(set(stacks(machine, SECOND)) == {"cellar-edge", "cellar-alarms"}, f"{stacks(machine, SECOND)} are left")
    tables = machine.aws("dynamodb", "list-tables", "--region", SECOND)["TableNames"]
    expect("cellar-places" not in tables, "the replica is still there")


def all_goes_twice(machine: Machine) -> None:
    for arguments in (("--yes",), ("--yes",), ("--yes", "--data"), ("--yes", "--data")):
        succeeds(machine, "destroy", *arguments)
        for region in (HOME, SECOND, THIRD):
            expect(not stacks(machine, region), f"{stacks(machine, region)} are left in {region}")
    tables = machine.aws("dynamodb", "list-tables", "--region", HOME)["TableNames"]
    expect(tables == [], f"the tables {tables} are left")


def plans(machine: Machine) -> None:
    told = succeeds(machine, "plan")
    expect(
        "<output AliasArn of function in us-east-1>" in told.stdout,
        "the plan does not say where values come from",
        told,
    )


def the_smallest_comes_and_goes(machine: Machine) -> None:
    """What `init` writes is deployed with a failure on the way, deployed again, and taken down twice."""
    machine.smallest()
    code = ("--code", str(machine.folder / "bootstrap.zip"))
    machine.fail_at("cellar-edge", "Distribution")
    failed = machine.deploy("deploy", *code)
    expect("infra/templates/edge.yaml:" in failed.stderr, "the failure of the distribution is not explained", failed)
    succeeds(machine, "deploy", *code)
    outputs = machine.aws("cloudformation", "describe-stacks", "--stack-name", "cellar-edge", "--region", SECOND)
    names = {one["OutputKey"]: one["OutputValue"] for one in outputs["Stacks"][0]["Outputs"]}
    expect(names["DistributionDomain"].endswith(".cloudfront.net"), f"the distribution has no name: {names}")
    expect("cellar-imports" in stacks(machine, HOME), "there are no imports")
    variables = machine.aws("lambda", "get-function-configuration", "--function-name", "cellar", "--region", HOME)
    bucket = variables["Environment"]["Variables"]["CELLAR_IMPORT_BUCKET"]
    told = machine.aws("s3api", "get-bucket-notification-configuration", "--bucket", bucket, "--region", HOME)
    expect(told["QueueConfigurations"][0]["QueueArn"].endswith(":cellar-imports"), f"{bucket} tells {told}")
    before = updated(machine)
    # All was asked a moment ago.
    succeeds(machine, "deploy", *code, *(word for check in CHECKS for word in ("--skip", check)))
    expect(updated(machine) == before, "a deployment without changes has changed stacks")
    for stack in stacks(machine, HOME):
        expect("FAILED" not in change_sets(machine, HOME, stack), f"{stack} has change sets that failed")
    for _ in range(2):
        succeeds(machine, "destroy", "--yes", "--data")
        expect(not stacks(machine, HOME) | stacks(machine, SECOND), "stacks are left")


def failures_are_explained(machine: Machine) -> None:
    fails_and_goes_on(machine, FAILURES)


Act = Callable[[Machine], None]
SHORT: list[Act] = [the_smallest_comes_and_goes]
LONG: list[Act] = [
    *[plans, failures_are_explained, everything_is_there, outputs_lead_on, nothing_changes, differs],
    *[a_drill_that_is_ended, a_region_comes_and_goes, all_goes_twice],
]


def processor_s() -> float:
    """What the programs that have ended have used; the emulator's own is not in it."""
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Prints each act with its time."""
    arguments = argparse.ArgumentParser(prog="infra/check --emulator", description=__doc__)
    arguments.add_argument("--long", action="store_true", help="the long form")
    acts = LONG if arguments.parse_args().long else SHORT
    with tempfile.TemporaryDirectory(prefix="cellar-emulator.") as folder, Machine(Path(folder)) as machine:
        machine.settle_in()
        for act in acts:
            name, start, before = act.__name__.replace("_", " "), time.monotonic(), processor_s()
            try:
                act(machine)
            except UnmetError as unmet:
                print(f"emulator: {name}: {unmet}", file=sys.stderr)
                return 1
            took = f"{time.monotonic() - start:.0f} s, {processor_s() - before:.0f} s of a processor"
            print(f"emulator: {name}, {took}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
