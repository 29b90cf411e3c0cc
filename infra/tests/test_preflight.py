"""What would make a deployment fail half-way is found before anything is made."""

import pytest

from cellar_infra.deploy.dns import DnsError
from cellar_infra.deploy.preflight import CHECKS, covers, default
from tests.fake_aws import ANSWERS

CHANGING = ("create", "put", "update", "delete", "deploy", "request", "cp")


def test_all_is_well_and_nothing_is_changed(account):
    result = account.run("preflight")
    assert result.returncode == 0, result.stderr
    assert [line.split()[:2] for line in result.stderr.splitlines()] == [["well", name] for name in CHECKS]
    assert [call for call in account.calls() if len(call) > 1 and call[1].startswith(CHANGING)] == []


ISSUED = ANSWERS["acm describe-certificate"]["Certificate"]
ZONE = ANSWERS["route53 get-hosted-zone"]
LIMIT = {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}
WRONG = [
    ("cli", {"--version": "aws-cli/1.29.0 Python/3.11"}, "the AWS CLI is aws-cli/1.29.0 Python/3.11; allowed: version 2"),
    ("certificates", {"acm describe-certificate": {"Certificate": ISSUED | {"Status": "PENDING_VALIDATION"}}}, "is PENDING_VALIDATION, not ISSUED"),
    ("certificates", {"acm describe-certificate": {"Certificate": ISSUED | {"SubjectAlternativeNames": []}}}, "is for places.example.com, not for eu-west-1.places.example.com"),
    ("certificates", {"acm describe-certificate": None}, "cannot be checked: `aws acm describe-certificate` failed"),
    ("zone", {"route53 get-hosted-zone": ZONE | {"HostedZone": {"Name": "example.org."}}}, "is example.org, which does not hold places.example.com"),
    ("zone", {"route53 get-hosted-zone": {"HostedZone": {"Name": "example.com.", "Config": {"PrivateZone": True}}}}, "is private"),
    ("concurrency", {"lambda get-account-settings": {"AccountLimit": LIMIT}}, "function.ReservedConcurrency is 200, and eu-west-1 has room for 0 of 10; set it to less"),
    ("zones", {"ec2 describe-availability-zones": {"AvailabilityZones": [{"ZoneName": "zone-a", "State": "available"}]}}, "allowed in us-east-1: two of 0 zone-a"),
    ("zones", {"ec2 describe-vpc-endpoint-services": {"ServiceDetails": [{"AvailabilityZones": ["zone-a", "zone-c"]}]}}, "are 0 and 1; allowed in eu-west-1: two of 0 zone-a, 2 zone-c"),
    ("canary", {"synthetics describe-runtime-versions": {"RuntimeVersions": [{"VersionName": "syn-nodejs-puppeteer-16.1"}]}}, "set watch.CanaryRuntime to syn-nodejs-puppeteer-16.1"),
    ("canary", {"synthetics describe-runtime-versions": {"RuntimeVersions": [{"VersionName": "syn-nodejs-puppeteer-15.0", "DeprecationDate": "2025-01-01T00:00:00+00:00"}]}}, "has no runtime syn-nodejs-puppeteer-15.0 any more"),
    ("names", {"s3api head-bucket": {}}, "the bucket cellar-artifacts-123456789012-eu-west-1 is there already in eu-west-1, and no stack artifacts has it"),
    ("names", {"secretsmanager describe-secret": {}}, "the secret cellar/write-token (or one that is being deleted) is there already"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "answers", "text"), WRONG)
def test_what_is_wrong_is_told_and_nothing_is_made(account, check, answers, text):
    account.answers(answers)
    result = account.run("deploy")
    assert result.returncode == 1
    assert f"{check}: " in result.stderr
    assert text in result.stderr
    assert "wrong    " + check in result.stderr
    assert account.deployed() == []
    assert account.run("deploy", "--skip", check).returncode == 0


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ({"ns-1.awsdns-1.org", "ns.old.example"}, "example.com is served by ns-1.awsdns-1.org, ns.old.example, not only by"),
        ({"ns.elsewhere.example"}, "example.com is served by ns.elsewhere.example, not only by the zone Z0123456789ABC"),
        (set(), "example.com is served by nobody"),
        (DnsError("no such name (NXDOMAIN)"), "the name servers of example.com are not known: no such name (NXDOMAIN); its registrar should name ns-1.awsdns-1.org, ns-2"),
    ],
)  # fmt: skip
def test_a_zone_that_nobody_is_led_to_is_told(account, found, text):
    account.name_servers = found
    result = account.run("deploy")
    assert result.returncode == 1
    assert f"delegation: {text}" in result.stderr
    assert account.deployed() == []
    assert account.run("deploy", "--skip", "delegation").returncode == 0


def test_zones_that_take_the_cache_may_be_chosen(account):
    account.answers(
        {"ec2 describe-vpc-endpoint-services": {"ServiceDetails": [{"AvailabilityZones": ["zone-a", "zone-c"]}]}}
    )
    assert account.run("preflight", "--set", "network.ZoneB=2").returncode == 0


def test_a_parameter_that_is_too_long_is_told(account):
    result = account.run("deploy", "--set", f"function.WarmEvent={'x' * 4097}")
    assert "function.WarmEvent has 4097 bytes; allowed: 4096" in result.stderr
    assert account.deployed() == []


def test_a_reservation_of_nothing_needs_no_quota(account):
    account.answers({"lambda get-account-settings": {"AccountLimit": LIMIT}})
    assert account.run("deploy", "--set", "function.ReservedConcurrency=0").returncode == 0


def test_a_table_that_no_stack_has_is_told_before_it_collides(account):
    account.run("deploy")
    account.run("destroy", "--yes")
    account.table(replicas=["eu-west-1"])
    assert "names: the table cellar-places is there already in eu-west-1" in account.run("deploy").stderr


def test_there_is_no_other_check(account):
    result = account.run("preflight", "--skip", "weather")
    assert result.returncode == 2
    assert f"--skip is 'weather'; allowed: {', '.join(CHECKS)}" in result.stderr


def test_a_star_is_one_label():
    assert covers("*.example.com", "a.example.com")
    assert not covers("*.example.com", "a.b.example.com")
    assert not covers("*.example.com", "example.com")


def test_defaults_are_those_of_the_templates():
    from cellar_infra.checks import load

    for template, document in load.bundle().sources.items():
        for name, spec in document.get("Parameters", {}).items():
            assert default(template, name) == str(spec.get("Default", "")), f"{template}.{name}"
