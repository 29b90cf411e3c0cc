"""What only AWS can prove, asked of a deployment that is there: the eight points of docs/OPERATIONS.md, with evidence.

It writes one place into a collection of its own and deletes both again; besides that it changes nothing.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cellar_infra.deploy.apply import Deployment
from cellar_infra.deploy.aws import AwsError
from cellar_infra.deploy.config import EDGE_REGION, Config, ConfigError
from cellar_infra.deploy.state import StateError

COLLECTION = "cellar-smoke"
PLACE = f"/v1/collections/{COLLECTION}/items/1"
LATITUDE, LONGITUDE = 48.8566, 2.3522
# A purge waits ten seconds for others, the index settles in two, and CloudFront needs some.
PURGE_S = 120


@dataclass(frozen=True)
class Reply:
    """An answer; status 0 if there was none."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


Send = Callable[[str, str, dict[str, str], str], Reply]


def send(method: str, url: str, headers: dict[str, str], body: str) -> Reply:
    """One request over HTTPS."""
    request = urllib.request.Request(url, method=method, headers=headers, data=body.encode() or None)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:  # noqa: S310  (https, below)
            return Reply(reply.status, lowered(reply.headers), reply.read().decode())
    except urllib.error.HTTPError as error:
        return Reply(error.code, lowered(error.headers), error.read().decode(errors="replace"))
    except OSError as error:
        return Reply(0, {}, str(error))


def lowered(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@dataclass(frozen=True)
class Found:
    """`pass`, `fail`, or `open` where it cannot be said yet; and why."""

    state: str
    evidence: str


def judged(well: object, evidence: str) -> Found:
    return Found("pass" if well else "fail", evidence)


@dataclass
class Smoke:
    """The points of a deployment, with its way to ask and its clock."""

    deployment: Deployment
    send: Send = send
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    @property
    def config(self) -> Config:
        return self.deployment.config

    def aws(self, *arguments: str) -> Any:
        return self.deployment.aws.ask(*arguments)

    def output(self, template: str, region: str, name: str) -> str:
        return self.deployment.state.output(template, region, name)

    def public(self) -> str:
        return f"https://{self.config.domain or self.output('edge', EDGE_REGION, 'DistributionDomain')}"

    def direct(self, region: str) -> str:
        """A region without the CDN."""
        if self.config.domain:
            return f"https://{region}.{self.config.domain}"
        return f"https://{self.output('gateway', region, 'ApiName')}"

    def secret(self, name: str) -> str:
        asked = ("secretsmanager", "get-secret-value", "--secret-id", f"{self.config.name}/{name}")
        return self.aws(*asked, "--region", self.config.home)["SecretString"]

    def purge(self) -> Found:
        """CloudFront takes tags, and an invalidation by tag takes effect"""
        distribution = self.output("edge", EDGE_REGION, "DistributionId")
        told = self.aws("cloudfront", "get-distribution-config", "--id", distribution)["DistributionConfig"]
        header = told.get("CacheTagConfig", {}).get("HeaderName")
        if not header:
            return Found("fail", f"the distribution {distribution} has no CacheTagConfig")
        writer = {"authorization": f"Bearer {self.secret('write-token')}", "content-type": "application/geo+json"}
        try:
            return self._purged(writer, header)
        finally:
            self.send("DELETE", self.public() + PLACE, writer, "")
            self.send("DELETE", f"{self.public()}/v1/collections/{COLLECTION}", writer, "")

    def _purged(self, writer: dict[str, str], header: str) -> Found:
        self.send("PUT", f"{self.public()}/v1/collections/{COLLECTION}", writer, "")
        for version in ("first", "second"):
            wrote = self.send("PUT", self.public() + PLACE, writer, place(version))
            if wrote.status not in (200, 201, 204):
                return Found("fail", f"PUT {PLACE}: {wrote.status} {wrote.body[:200]}")
            start, caches = self.now(), set()
            while version not in (seen := self._cell()).body or (version == "first" and not hit(seen)):
                caches.add(seen.headers.get("x-cache", "-"))
                if self.now() - start > PURGE_S:
                    return Found(
                        "fail",
                        f"after {PURGE_S} s the CDN does not show the {version} version: {seen.status}, {caches}",
                    )
                self.sleep(1)
            took = self.now() - start
        return Found("pass", f"tags in {header}; a change was seen through the CDN after {took:.0f} s")

    def _cell(self) -> Reply:
        query = f"lat={LATITUDE}&lon={LONGITUDE}&mode=cell"
        return self.send("GET", f"{self.public()}/v1/collections/{COLLECTION}/nearby?{query}", {}, "")

    def failover(self) -> Found:
        """The spare name answers with its own certificate, so that reads can fail over"""
        if len(self.config.regions) < 2:
            return Found("open", "there is one region, and nothing to fail over to")
        url = f"https://spare.{self.config.domain}/health"
        told = self.send("GET", url, {}, "")
        how = "that a GET survives the loss of a region, `drill` shows"
        return judged(
            told.status == 200, f"{url}: {told.status} from {told.headers.get('x-cellar-region', '-')}; {how}"
        )

    def rollout(self) -> Found:
        """The alias leads to a published version, and CodeDeploy put it there"""
        shown, well = [], True
        for region in self.config.regions:
            alias = ("lambda", "get-alias", "--function-name", self.config.name, "--name", "live", "--region", region)
            version = self.aws(*alias)["FunctionVersion"]
            last = self._last_rollout(region)
            well = well and version.isdigit() and last in ("Succeeded", "none yet")
            shown.append(f"{region}: version {version}, last rollout {last}")
        state = "open" if well and any("none yet" in one for one in shown) else "pass" if well else "fail"
        return Found(state, "; ".join(shown))

    def _last_rollout(self, region: str) -> str:
        stack = ("--stack-name", self.deployment.state.stack_name("function"), "--region", region)
        asked = ("cloudformation", "describe-stack-resources", *stack)
        made = {one["ResourceType"]: one["PhysicalResourceId"] for one in self.aws(*asked)["StackResources"]}
        application, group = made["AWS::CodeDeploy::Application"], made["AWS::CodeDeploy::DeploymentGroup"]
        where = ("--application-name", application, "--region", region)
        listed = self.aws("deploy", "list-deployments", *where, "--deployment-group-name", group)["deployments"]
        if not listed:
            return "none yet"
        one = ("deploy", "get-deployment", "--deployment-id", listed[0], "--region", region)
        return self.aws(*one)["deploymentInfo"]["status"]

    def function(self) -> Found:
        """The CDN's function runs: it rewrites a search to its cell"""
        told = self.send("GET", f"{self.public()}/v1/collections/{COLLECTION}/nearby?lat=91&lon=0&mode=cell", {}, "")
        stack = ("--stack-name", self.deployment.state.stack_name("edge"), "--region", EDGE_REGION)
        made = self.aws("cloudformation", "describe-stack-resources", *stack)["StackResources"]
        name = next(one["PhysicalResourceId"] for one in made if one["ResourceType"] == "AWS::CloudFront::Function")
        # A function that throws is a 503 of CloudFront's own; one that runs sends the bad latitude on or refuses it.
        ran = told.status == 400 and "FunctionExecutionError" not in told.headers.get("x-cache", "")
        return judged(ran, f"{name}: a latitude of 91 is a {told.status}, x-cache {told.headers.get('x-cache', '-')}")

    def cache(self) -> Found:
        """The function reaches the table and, over TLS, the shared cache"""
        wanted = "ok" if self.config.cache else "off"
        secret, shown, well = self.secret("health-secret"), [], True
        for region in self.config.regions:
            url = f"{self.direct(region)}/health?depth=deep"
            told = self.send("GET", url, {"x-cellar-health-check": secret}, "")
            redis = redis_of(told.body)
            well = well and told.status == 200 and redis == wanted
            shown.append(f"{region}: {told.status}, redis {redis}")
        return judged(well, "; ".join(shown))

    def canary(self) -> Found:
        """The canary runs and sees what a user would"""
        if not self.config.canary:
            return Found("open", "there is no canary (`canary = true`)")
        shown, states = [], set()
        for region in self.config.regions:
            asked = ("synthetics", "get-canary-runs", "--name", f"{self.config.name}-user", "--region", region)
            runs = self.aws(*asked)["CanaryRuns"]
            state = runs[0]["Status"]["State"] if runs else "has not run yet"
            states.add(state)
            shown.append(f"{region}: {state}")
        state = "fail" if states & {"FAILED", "ERROR"} else "pass" if states == {"PASSED"} else "open"
        return Found(state, "; ".join(shown))

    def replicas(self) -> Found:
        """Each region has the table, its stream, and a function that reads it"""
        shown, well = [], True
        table = self.output("table", self.config.home, "TableName")
        for region in self.config.regions:
            stream = self.deployment.state.stream(region)
            status = self.aws("dynamodb", "describe-table", "--table-name", table, "--region", region)["Table"][
                "TableStatus"
            ]
            alias = ("--function-name", f"{self.config.name}:live", "--event-source-arn", stream, "--region", region)
            readers = self.aws("lambda", "list-event-source-mappings", *alias)["EventSourceMappings"]
            state = readers[0]["State"] if readers else "nobody"
            well = well and status == "ACTIVE" and state == "Enabled"
            shown.append(f"{region}: table {status}, stream read by {state}")
        return judged(well, "; ".join(shown))

    def bill(self) -> Found:
        """What a day costs, to be compared with docs/COSTS.md (the question itself costs a cent)"""
        today = datetime.now(UTC).date()
        period = f"Start={today - timedelta(days=2)},End={today}"
        filtered = json.dumps({"Tags": {"Key": "cellar", "Values": [self.config.name]}})
        asked = ("ce", "get-cost-and-usage", "--time-period", period, "--granularity", "DAILY")
        days = self.aws(*asked, "--metrics", "UnblendedCost", "--filter", filtered)["ResultsByTime"]
        amounts = [float(day["Total"]["UnblendedCost"]["Amount"]) for day in days]
        if not any(amounts):
            return Found(
                "open", "no costs of the tag `cellar` yet: activate it as a cost allocation tag, and wait a day"
            )
        return Found(
            "open", f"the last whole days cost ${', $'.join(f'{one:.2f}' for one in amounts)}: compare with COSTS.md"
        )


Point = Callable[[Smoke], Found]
POINTS: dict[str, Point] = {
    "purge": Smoke.purge,
    "failover": Smoke.failover,
    "rollout": Smoke.rollout,
    "function": Smoke.function,
    "cache": Smoke.cache,
    "canary": Smoke.canary,
    "replicas": Smoke.replicas,
    "bill": Smoke.bill,
}


def smoke(deployment: Deployment, skipped: list[str], *, as_json: bool, asked: Smoke | None = None) -> int:
    """All points; 1 if one fails."""
    for name in skipped:
        if name not in POINTS:
            raise ConfigError(f"--skip is {name!r}; allowed: {', '.join(POINTS)}")
    asked = asked or Smoke(deployment)
    found = {name: look(asked, point) for name, point in POINTS.items() if name not in skipped}
    if as_json:
        print(json.dumps({name: vars(one) for name, one in found.items()}, indent=1))
    else:
        for name, one in found.items():
            print(f"{one.state:5} {name:9} {POINTS[name].__doc__}\n{'':15} {one.evidence}")
    failed = [name for name, one in found.items() if one.state == "fail"]
    if failed:
        print(f"{len(failed)} of {len(found)} points fail: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def look(asked: Smoke, point: Point) -> Found:
    """A question that AWS does not answer is a failure, with AWS's words."""
    try:
        return point(asked)
    except (AwsError, StateError) as error:
        return Found("fail", str(error))


def place(version: str) -> str:
    geometry = {"type": "Point", "coordinates": [LONGITUDE, LATITUDE]}
    return json.dumps({"type": "Feature", "geometry": geometry, "properties": {"version": version}})


def hit(reply: Reply) -> bool:
    return "hit from cloudfront" in reply.headers.get("x-cache", "").lower()


def redis_of(body: str) -> str:
    try:
        return str(json.loads(body).get("redis", "-"))
    except ValueError:
        return "-"
