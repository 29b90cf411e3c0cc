"""The checks find what is wrong and nothing else."""

import re

import pytest

from cellar_infra.checks import load, mutation
from cellar_infra.checks.contract import routes, variables
from cellar_infra.checks.model import resolved, text_of, walk
from cellar_infra.checks.rules.cdn_routes import matches
from cellar_infra.checks.rules.schedules import cron_fault, rate_fault, scheduler_fault, synthetics_fault
from cellar_infra.checks.run import PARTS, by_rules
from cellar_infra.deploy.preflight import CHECKS
from cellar_infra.deploy.smoke import POINTS
from cellar_infra.emulator.stubs import STUBBED_WITH, STUBS
from cellar_infra.render import REPOSITORY

LEAST_FAULTS = 40
LEAST_SHARE = 0.95

# Faults that no check can tell from intention: numbers that are allowed and wrong. docs/OPERATIONS.md lists them.
UNDETECTABLE = {
    "one instance",
    "warmer every five days",
    "threshold in seconds instead of milliseconds",
    "threshold a thousand times too high",
}


def test_the_rules_are_content_with_the_templates():
    assert [str(finding) for finding in by_rules(load.bundle())] == []


def test_almost_every_fault_is_found():
    results = mutation.results()
    missed = {fault.what for fault, who, _ in results if who == mutation.MISSED}
    assert len(results) >= LEAST_FAULTS
    assert missed == UNDETECTABLE
    assert len(missed) <= len(results) * (1 - LEAST_SHARE)


def test_faults_have_names_of_their_own():
    names = [(fault.template, fault.what) for fault in mutation.FAULTS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "text",
    [
        "rate(1 minute)",
        "rate(5 minutes)",
        "cron(0 4 ? * SUN *)",
        "cron(0/15 8-18 L * ? 2026)",
        "at(2026-01-02T03:04:05)",
    ],
)
def test_schedules_that_eventbridge_takes(text):
    assert scheduler_fault(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "rate(1 minutes)",
        "rate(5 minute)",
        "rate(0 minutes)",
        "rate(30 seconds)",
        "rate(5minutes)",
        "cron(* * * * *)",
        "cron(0 4 * * SUN *)",
        "cron(0 4 ? * ? *)",
        "cron(60 4 ? * SUN *)",
        "at(tomorrow)",
        "",
    ],
)
def test_schedules_that_it_refuses(text):
    assert scheduler_fault(text) is not None


def test_canaries_have_a_grammar_of_their_own():
    assert synthetics_fault("rate(0 minute)") is None
    assert synthetics_fault("rate(1 hour)") is None
    assert synthetics_fault("rate(2 hours)") is not None
    assert synthetics_fault("rate(61 minutes)") is not None
    assert rate_fault("rate(2 hours)") is None
    assert cron_fault("cron(0 3 * * ? *)") is None


def test_patterns_match_as_cloudfront_does():
    assert matches("/v1/collections/*/nearby", "/v1/collections/a/cells/gh:u0/nearby")
    assert matches("/v1/?", "/v1/x")
    assert not matches("/v1/collections/*/items/*", "/v1/collections/items/nearby")
    assert not matches("/V1/*", "/v1/x")
    assert not matches("/v1.", "/v1x")


def test_the_contract_is_that_of_the_api():
    known = routes()
    assert known["/v1/collections/{collection}/items/{id}"] == {"GET", "PUT", "DELETE"}
    assert known["/health"] == {"GET"}
    assert {"CELLAR_WRITE_TOKEN", "CELLAR_FRESH_S"} <= variables()


OPERATIONS = REPOSITORY / "docs" / "OPERATIONS.md"


def test_every_alarm_has_a_runbook():
    text = OPERATIONS.read_text()
    for template, name, alarm in load.bundle().properties("AWS::CloudWatch::Alarm"):
        shown = text_of(alarm.get("AlarmName")).replace("${Name}", "<name>")
        shown = re.sub("region-[234]-down", "region-1-down", shown)
        assert not shown or f"`{shown}`" in text, f"{template} {name}"


def test_every_stack_is_described():
    text = OPERATIONS.read_text()
    assert [name for name in load.bundle().sources if f"| `{name}` |" not in text] == []


def test_what_is_asked_before_and_after_is_described():
    text, first = OPERATIONS.read_text(), (REPOSITORY / "docs" / "FIRST-DEPLOYMENT.md").read_text()
    assert [name for name in CHECKS if f"| `{name}` |" not in text] == []
    assert [name for name in POINTS if f"| `{name}` |" not in first] == []


def test_conditions_are_decided_without_touching_others():
    value = {
        "a": {"Fn::If": ["Mine", 1, {"Ref": "AWS::NoValue"}]},
        "b": [{"Fn::If": ["Other", 1, {"Ref": "AWS::NoValue"}]}],
    }
    assert resolved(value, {"Mine"}, met=True) == {"a": 1, "b": value["b"]}
    assert resolved(value, {"Mine"}, met=False) == {"b": value["b"]}
    assert resolved([value["a"]], {"Mine"}, met=False) == []


def test_without_a_domain_and_a_network_nothing_of_them_is_left():
    """What conditions leave out is left out together: nothing refers to a resource that is not there."""
    for name, template in load.bundle().sources.items():
        small = resolved(template, PARTS, met=False)
        there = {key: one for key, one in small.get("Resources", {}).items() if one.get("Condition") not in ABSENT}
        outputs = {key: one for key, one in small.get("Outputs", {}).items() if one.get("Condition") not in ABSENT}
        absent = set(template.get("Resources", {})) - set(there)
        named = {
            str(value[0] if isinstance(value, list) else value).split(".")[0]
            for path, value in walk([there, outputs])
            if path.endswith(("/Ref", "/Fn::GetAtt"))
        }
        assert named & absent == set(), name


ABSENT = PARTS | {"HasCache", "HasCanary", "HasHealthCheck1"}


def test_what_the_emulator_lacks_is_listed():
    text = OPERATIONS.read_text()
    assert [kind for kind in {**STUBS, **STUBBED_WITH} if f"`{kind}`" not in text] == []


def test_the_document_has_the_figures_of_the_faults():
    assert f"puts {len(mutation.FAULTS)} single faults" in OPERATIONS.read_text()
