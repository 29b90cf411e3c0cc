"""What would make a deployment fail half-way, asked before anything is made.

Invariant: nothing here changes anything. A question that AWS does not answer is a problem, too: `--skip NAME` goes on without it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from cellar_infra import render
from cellar_infra.deploy.apply import Deployment
from cellar_infra.deploy.aws import AwsError
from cellar_infra.deploy.config import EDGE_REGION, Config, ConfigError
from cellar_infra.deploy.dns import DnsError, name_servers
from cellar_infra.deploy.stacks import Stack
from cellar_infra.deploy.state import NEVER_WHOLE, StateError

# Lambda keeps as many unreserved ("Lambda quotas", concurrency).
UNRESERVED = 100
# The value of a parameter ("Understand CloudFormation quotas").
MOST_PARAMETER_BYTES = 4096
# A serverless cache is reached by an interface endpoint of this service in each of its subnets.
CACHE_ENDPOINTS = "com.amazonaws.elasticache.serverless.*"
# Version 2, or of version 1 one that infra/check has tried.
OLDEST_CLI = {1: (1, 46), 2: (2, 0)}


@dataclass
class Preflight:
    """The checks of a deployment. Each yields what is wrong, in one line that says what to do."""

    deployment: Deployment

    @property
    def config(self) -> Config:
        return self.deployment.config

    def ask(self, *arguments: str) -> Any:
        return self.deployment.aws.ask(*arguments)

    def parameter(self, template: str, name: str) -> str:
        """What a template's parameter will be: a setting, else the default in the template."""
        given = self.config.settings.get(template, {}).get(name)
        return given if given is not None else default(template, name)

    def is_new(self, template: str, region: str) -> bool:
        return self.deployment.state.status(template, region) in {"-"} | NEVER_WHOLE

    @cached_property
    def account(self) -> str:
        return self.ask("sts", "get-caller-identity")["Account"]

    def cli(self) -> Iterator[str]:
        """The AWS CLI is one that has been tried"""
        told = self.deployment.aws.version()
        found = re.search(r"aws-cli/(\d+)\.(\d+)", told)
        version = (int(found[1]), int(found[2])) if found else (0, 0)
        if version < OLDEST_CLI.get(version[0], (3, 0)):
            yield f"the AWS CLI is {told.strip() or 'unknown'}; allowed: version 2, or 1.46 and newer of version 1"

    def parameters(self) -> Iterator[str]:
        """Values that you give fit into a parameter of CloudFormation"""
        for step in [one for one in self.deployment.plan() if isinstance(one, Stack)]:
            for name, value in step.parameters.items():
                size = len(value.encode()) if isinstance(value, str) else 0
                if size > MOST_PARAMETER_BYTES:
                    yield f"{step.template}.{name} has {size} bytes; allowed: {MOST_PARAMETER_BYTES}"

    def certificates(self) -> Iterator[str]:
        """Certificates are issued and cover the names"""
        if not self.config.domain:
            return
        domain = self.config.domain
        yield from self._certificate(self.config.edge_certificate, EDGE_REGION, [domain])
        for region in self.config.regions:
            names = [f"{name}.{domain}" for name in (region, "origin", "spare")]
            yield from self._certificate(self.config.certificates[region], region, names)

    def _certificate(self, arn: str, region: str, names: list[str]) -> Iterator[str]:
        found = self.ask("acm", "describe-certificate", "--certificate-arn", arn, "--region", region)["Certificate"]
        if found["Status"] != "ISSUED":
            yield f"the certificate {arn} is {found['Status']}, not ISSUED: put its CNAME into the zone and wait"
        covered = {found["DomainName"], *found.get("SubjectAlternativeNames", [])}
        for name in names:
            if not any(covers(one, name) for one in covered):
                yield f"the certificate {arn} is for {', '.join(sorted(covered))}, not for {name}"

    def zone(self) -> Iterator[str]:
        """The hosted zone is there, public, and holds the domain"""
        if not self.config.domain:
            return
        found = self.ask("route53", "get-hosted-zone", "--id", self.config.zone)["HostedZone"]
        name = found["Name"].rstrip(".")
        if found.get("Config", {}).get("PrivateZone"):
            yield f"the zone {self.config.zone} is private: nobody outside would find {self.config.domain}"
        if self.config.domain != name and not self.config.domain.endswith(f".{name}"):
            yield f"the zone {self.config.zone} is {name}, which does not hold {self.config.domain}"

    def delegation(self) -> Iterator[str]:
        """The name servers of the domain are the hosted zone's"""
        if not self.config.domain:
            return
        asked = self.ask("route53", "get-hosted-zone", "--id", self.config.zone)
        name = asked["HostedZone"]["Name"].rstrip(".")
        wanted = {one.rstrip(".").lower() for one in asked.get("DelegationSet", {}).get("NameServers", [])}
        if not wanted:
            return  # It is private: `zone` says so.
        try:
            found = name_servers(name)
        except DnsError as error:
            yield f"the name servers of {name} are not known: {error}; its registrar should name {listed(wanted)}"
            return
        if not found or found - wanted:
            yield (
                f"{name} is served by {listed(found)}, not only by the zone {self.config.zone}: "
                f"have its registrar, or the zone above, name {listed(wanted)}"
            )

    def concurrency(self) -> Iterator[str]:
        """Lambda's quota has room for the reserved concurrency"""
        wanted = int(self.parameter("function", "ReservedConcurrency"))
        for region in self.config.regions if wanted else ():
            limit = self.ask("lambda", "get-account-settings", "--region", region)["AccountLimit"]
            room = limit["UnreservedConcurrentExecutions"] - UNRESERVED + self._reserved(region)
            if wanted > room:
                yield (
                    f"function.ReservedConcurrency is {wanted}, and {region} has room for {max(room, 0)} of "
                    f"{limit['ConcurrentExecutions']}; set it to less, to 0 for no reservation, or have the quota raised"
                )

    def _reserved(self, region: str) -> int:
        if self.is_new("function", region):
            return 0
        asked = ("lambda", "get-function-concurrency", "--function-name", self.config.name, "--region", region)
        return self.ask(*asked).get("ReservedConcurrentExecutions", 0)

    def zones(self) -> Iterator[str]:
        """The two availability zones of the cache are there and take it"""
        chosen = [int(self.parameter("network", name)) for name in ("ZoneA", "ZoneB")]
        for region in self.config.regions if self.config.cache else ():
            asked = ("ec2", "describe-availability-zones", "--region", region)
            found = [one for one in self.ask(*asked)["AvailabilityZones"] if one.get("State") == "available"]
            zones = [one["ZoneName"] for one in found]
            taken = self._cache_zones(region)
            allowed = [(number, zone) for number, zone in enumerate(zones) if not taken or zone in taken]
            if chosen[0] == chosen[1] or not set(chosen) <= {number for number, _ in allowed}:
                names = ", ".join(f"{number} {zone}" for number, zone in allowed)
                yield f"network.ZoneA and ZoneB are {chosen[0]} and {chosen[1]}; allowed in {region}: two of {names}"

    def _cache_zones(self, region: str) -> set[str]:
        """Zones in which serverless caches have endpoints; none if EC2 does not list their service. ElastiCache tells no zones."""
        names = ("--filters", f"Name=service-name,Values={CACHE_ENDPOINTS}")
        told = self.ask("ec2", "describe-vpc-endpoint-services", *names, "--region", region)
        return {zone for service in told.get("ServiceDetails", []) for zone in service.get("AvailabilityZones", [])}

    def canary(self) -> Iterator[str]:
        """Synthetics still has the canary's runtime"""
        runtime = self.parameter("watch", "CanaryRuntime")
        for region in self.config.regions if self.config.canary else ():
            told = self.ask("synthetics", "describe-runtime-versions", "--region", region)["RuntimeVersions"]
            known = {one["VersionName"]: one.get("DeprecationDate") for one in told}
            if runtime not in known or is_past(known[runtime]):
                newest = [
                    name for name in known if name.startswith("syn-nodejs-puppeteer") and not is_past(known[name])
                ]
                yield f"{region} has no runtime {runtime} any more; set watch.CanaryRuntime to {', '.join(newest[-1:])}"

    def names(self) -> Iterator[str]:
        """Names that stacks will take are free"""
        for template, region, what, question in self._taken():
            if not self.is_new(template, region):
                continue
            try:
                self.ask(*question, "--region", region)
            except AwsError as error:
                if not is_missing(error):
                    raise
                continue
            yield (
                f"{what} is there already in {region}, and no stack {template} has it: "
                "take another name, delete it, or import it (docs/OPERATIONS.md, Teardown)"
            )

    def _taken(self) -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
        """Template, region, what it makes, and the question that finds it."""
        name, home = self.config.name, self.config.home
        table = f"{name}-places"
        yield "table", home, f"the table {table}", ("dynamodb", "describe-table", "--table-name", table)
        for region in self.config.regions:
            yield "artifacts", region, *self._bucket(f"{name}-artifacts-{self.account}-{region}")
            function = ("lambda", "get-function-configuration", "--function-name", name)
            yield "function", region, f"the function {name}", function
            if self.config.canary:
                yield "watch", region, *self._bucket(f"{name}-canary-{self.account}-{region}")
        for secret in (f"{name}/write-token", f"{name}/health-secret"):
            question = ("secretsmanager", "describe-secret", "--secret-id", secret)
            yield "table", home, f"the secret {secret} (or one that is being deleted)", question
        yield "edge", EDGE_REGION, *self._bucket(f"{name}-edge-logs-{self.account}")
        yield "backup", home, *self._bucket(f"{name}-exports-{self.account}-{home}")
        vault = ("backup", "describe-backup-vault", "--backup-vault-name", name)
        yield "backup", home, f"the backup vault {name}", vault

    def _bucket(self, name: str) -> tuple[str, tuple[str, ...]]:
        return f"the bucket {name}", ("s3api", "head-bucket", "--bucket", name)


Check = Callable[[Preflight], Iterator[str]]
CHECKS: dict[str, Check] = {
    "cli": Preflight.cli,
    "parameters": Preflight.parameters,
    "certificates": Preflight.certificates,
    "zone": Preflight.zone,
    "delegation": Preflight.delegation,
    "concurrency": Preflight.concurrency,
    "zones": Preflight.zones,
    "canary": Preflight.canary,
    "names": Preflight.names,
}


def preflight(deployment: Deployment, skipped: list[str]) -> None:
    """Runs and lists all checks; an error with everything that is wrong."""
    for name in skipped:
        if name not in CHECKS:
            raise ConfigError(f"--skip is {name!r}; allowed: {', '.join(CHECKS)}")
    asked, wrong = Preflight(deployment), []
    for name, check in CHECKS.items():
        found = [] if name in skipped else problems(asked, check)
        state = "skipped" if name in skipped else "wrong" if found else "well"
        print(f"{state:8} {name:13} {check.__doc__}", file=sys.stderr)
        wrong += [f"{name}: {problem}" for problem in found]
    if wrong:
        raise StateError("\n  ".join(["nothing was made; --skip NAME goes on without a check:", *wrong]))


def problems(asked: Preflight, check: Check) -> list[str]:
    try:
        return list(dict.fromkeys(check(asked)))
    except AwsError as error:
        return [f"cannot be checked: {error}"]


def default(template: str, name: str) -> str:
    """A parameter's default, from the text of the template: nothing here understands YAML."""
    text = (render.TEMPLATES / f"{template}.yaml").read_text()
    found = re.search(rf"^  {name}:(?: \{{|\n)(?:(?!\n  \w).)*?Default: ([^,}}\n]+)", text, re.MULTILINE | re.DOTALL)
    return found[1].strip().strip('"') if found else ""


def listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "nobody"


def covers(pattern: str, name: str) -> bool:
    """Whether a certificate's name stands for a name: a `*` is one label."""
    return pattern == name or (pattern.startswith("*.") and name.partition(".")[2] == pattern[2:])


def is_past(date: str | float | None) -> bool:
    if date is None:
        return False
    at = datetime.fromtimestamp(date, UTC) if isinstance(date, int | float) else datetime.fromisoformat(date)
    return at < datetime.now(UTC)


def is_missing(error: AwsError) -> bool:
    return bool(
        re.search(r"NotFound|Not Found|404|does not exist|NoSuch|AccessDeniedException.*BackupVault", error.text)
    )
