"""Schedules say what they mean, in the grammar of the service that reads them.

Lint takes any text here and AWS refuses it at deployment: EventBridge Scheduler, AWS Backup and Synthetics have three grammars.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from cellar_infra.checks.model import Bundle, Finding, Json, dig, rule, text_of

RATE = re.compile(r"rate\((\d+) (minute|minutes|hour|hours|day|days)\)")
CRON = re.compile(r"cron\((.*)\)")
AT = re.compile(r"at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)")
# Ranges of minute, hour, day of month, month, day of week, year (EventBridge Scheduler user guide, "Cron-based schedules").
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
INSTRUCTIONS = {"warmer", "warm", "edge-map"}


def rate_fault(text: str) -> str | None:
    found = RATE.fullmatch(text)
    if not found:
        return "is no rate such as rate(5 minutes)"
    count, unit = int(found[1]), found[2]
    if count == 0:
        return "never comes"
    if (count == 1) == unit.endswith("s"):
        return "must be singular for 1 and plural for more"
    return None


def cron_fault(text: str) -> str | None:
    found = CRON.fullmatch(text)
    fields = found[1].split(" ") if found else []
    if len(fields) != 6:
        return "has not six fields"
    if (fields[2] == "?") == (fields[4] == "?"):
        return "needs `?` in day of month or day of week, and in one only"
    for number, (value, bounds) in enumerate(zip(fields, RANGES, strict=True)):
        if fault := _field_fault(number, value, bounds):
            return fault
    return None


def _field_fault(number: int, value: str, bounds: tuple[int, int]) -> str | None:
    names = {3: MONTHS, 4: DAYS}.get(number, [])
    for part in value.split(","):
        if part in ("*", "?") and not (part == "?" and number not in (2, 4)):
            continue
        for atom in re.split(r"[-/#]", part):
            if atom in names or atom == "*" or (number in (2, 4) and re.fullmatch(r"L|\d+[LW]|LW", atom)):
                continue
            if not atom.isdigit() or not bounds[0] <= int(atom) <= bounds[1]:
                return f"has `{value}` where {bounds[0]} to {bounds[1]} is allowed"
    return None


def scheduler_fault(text: str) -> str | None:
    if text.startswith("cron("):
        return cron_fault(text)
    if text.startswith("at("):
        return None if AT.fullmatch(text) else "is no at(yyyy-mm-ddThh:mm:ss)"
    return rate_fault(text)


def synthetics_fault(text: str) -> str | None:
    """rate(0 minute) is once; else 1 to 60 minutes or 1 hour; or a cron (CloudWatch user guide, "Scheduling canary runs using cron")."""
    if text.startswith("cron("):
        return cron_fault(text)
    found = RATE.fullmatch(text)
    if text == "rate(0 minute)" or (
        found and rate_fault(text) is None and (found[2].startswith("minute") and int(found[1]) <= 60)
    ):
        return None
    return None if text == "rate(1 hour)" else "is no rate of 1 to 60 minutes"


@rule
def grammar(bundle: Bundle) -> Iterator[Finding]:
    for template, name, schedule in bundle.properties("AWS::Scheduler::Schedule"):
        if fault := scheduler_fault(str(schedule.get("ScheduleExpression"))):
            yield Finding(template, name, f"ScheduleExpression {schedule.get('ScheduleExpression')!r} {fault}")
        yield from _window(template, name, schedule.get("FlexibleTimeWindow", {}))
    for template, name, canary in bundle.properties("AWS::Synthetics::Canary"):
        if fault := synthetics_fault(str(dig(canary, "Schedule", "Expression"))):
            yield Finding(template, name, f"Schedule {dig(canary, 'Schedule', 'Expression')!r} {fault}")
    for template, name, plan in bundle.properties("AWS::Backup::BackupPlan"):
        for one in dig(plan, "BackupPlan", "BackupPlanRule") or []:
            if fault := cron_fault(str(one.get("ScheduleExpression"))):
                yield Finding(template, name, f"ScheduleExpression {one.get('ScheduleExpression')!r} {fault}")


def _window(template: str, name: str, window: Json) -> Iterator[Finding]:
    minutes = window.get("MaximumWindowInMinutes")
    if (window.get("Mode") == "FLEXIBLE") != (minutes is not None) or (
        minutes is not None and not 1 <= minutes <= 1440
    ):
        yield Finding(template, name, "a flexible window has 1 to 1440 minutes, one that is off has none")


@rule
def what_they_say(bundle: Bundle) -> Iterator[Finding]:
    for template, name, schedule in bundle.properties("AWS::Scheduler::Schedule"):
        text = text_of(dig(schedule, "Target", "Input"))
        if not text and dig(schedule, "Target", "Input", "Ref"):
            continue
        try:
            event = json.loads(text)
        except ValueError:
            yield Finding(template, name, f"Input {text!r} is no JSON")
            continue
        if dig(schedule, "Target", "Arn", "Ref") and event.get("instruction") not in INSTRUCTIONS:
            yield Finding(
                template,
                name,
                f"the function knows the instructions {sorted(INSTRUCTIONS)}, not {event.get('instruction')!r}",
            )
        if text_of(dig(schedule, "Target", "Arn")) and not dig(schedule, "Target", "DeadLetterConfig", "Arn"):
            yield Finding(template, name, "calls a service by itself, and what fails leaves no trace: DeadLetterConfig")
        if not dig(schedule, "Target", "RoleArn") or not dig(schedule, "Target", "RetryPolicy"):
            yield Finding(template, name, "needs a role, and a bound on retries")
