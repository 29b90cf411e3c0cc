"""Which stacks there are, in which order, and where their parameters come from.

Invariant: a step needs only what steps before it made, so a deployment that failed goes on when it is started again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cellar_infra.deploy.config import EDGE_REGION, MAX_RADIUS_PARAMETER, MOST_REGIONS, Config, ConfigError

# The records' time to live at API Gateway and CloudFront is 60 s; some resolvers keep them a little longer.
SETTLE_S = 120


@dataclass(frozen=True)
class Output:
    """An output of another stack."""

    template: str
    region: str
    name: str

    def __str__(self) -> str:
        return f"<output {self.name} of {self.template} in {self.region}>"


@dataclass(frozen=True)
class StreamOf:
    """The stream of the table's replica in a region. CloudFormation only knows that of the home region."""

    region: str

    def __str__(self) -> str:
        return f"<stream of the table in {self.region}>"


@dataclass(frozen=True)
class CodeKey:
    """Where a program's code lies in the bucket: named by its hash, so that nothing is uploaded twice."""

    program: str = "code"

    def __str__(self) -> str:
        return f"<sha256 of the {self.program}>.zip"


@dataclass(frozen=True)
class CodeHash:
    """The code's SHA-256 in hexadecimal digits."""

    def __str__(self) -> str:
        return "<sha256 of the code>"


Value = str | Output | StreamOf | CodeKey | CodeHash


@dataclass(frozen=True)
class Stack:
    """A stack to create or to update."""

    template: str
    region: str
    parameters: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Upload:
    """A program's code, into a region's bucket: the function's `code`, or that of the `importer`."""

    region: str
    program: str = "code"


@dataclass(frozen=True)
class Remove:
    """A stack of a region that is left."""

    template: str
    region: str


@dataclass(frozen=True)
class Settle:
    """Time for resolvers to forget the records of a region."""

    region: str
    seconds: int = SETTLE_S


Step = Stack | Upload | Remove | Settle

# The stacks of a region that is left, after its names: those who use an output go before those who have it.
REGIONAL = ("watch", "gateway", "function", "imports", "network", "artifacts")


def stacks(plan: list[Step]) -> list[tuple[str, str]]:
    """Template and region of each stack that there is or was, in the order in which they were made."""
    return list(dict.fromkeys((step.template, step.region) for step in plan if isinstance(step, Stack | Remove)))


def steps(config: Config, replicas: tuple[str, ...] = ()) -> list[Step]:
    """All steps. `replicas` are the regions that the table has by now.

    A region that is left loses its users first: the others' spare names turn away from it, its own names go, resolvers forget it.
    Then its stacks go, and last of all its replica, so that a removal that failed is taken up again.
    """
    left = tuple(region for region in replicas if region not in config.regions)
    tables = _tables(config, replicas)
    grown, shrunk = tables[: len(tables) - len(left)], tables[len(tables) - len(left) :]
    plan: list[Step] = [*(grown or [_table(config, list(replicas[1:]))])]
    for region in config.regions:
        plan += [Stack("artifacts", region, {"Name": config.name}), Upload(region)]
        plan += [_network(config, region)] if config.cache else []
        plan += [Upload(region, "importer"), _imports(config, region)] if config.imports else []
        plan += [_function(config, region), _door(config, region)]
    plan += [_names(config, region) for region in config.regions if config.domain]
    plan += [Remove("names", region) for region in left]
    plan += [Settle(region) for region in left]
    plan += [_edge(config), _purge(config), _backup(config)]
    plan += [_watch(config, region) for region in config.regions]
    plan.append(_alarms(config))
    plan += [Remove(template, region) for region in left for template in REGIONAL]
    plan += shrunk
    return [_with_settings(config, step) for step in plan]


def _tables(config: Config, replicas: tuple[str, ...]) -> list[Stack]:
    """DynamoDB adds or removes one replica in an update: the way from what is to what is wanted, one by one, additions first."""
    wanted = list(config.regions[1:])
    now = [region for region in replicas if region != config.home]
    if not now and not replicas:
        return [_table(config, wanted)]
    path: list[list[str]] = []
    for new in [region for region in wanted if region not in now]:
        now = [*now, new]
        path.append(list(now))
    if len(now) >= MOST_REGIONS:
        raise ConfigError(
            f"the table is in {', '.join(replicas)}, and would be in more than {MOST_REGIONS} regions; remove regions first, then add others"
        )
    for gone in [region for region in now if region not in wanted]:
        now = [region for region in now if region != gone]
        path.append(list(now))
    return [_table(config, regions) for regions in path or [now]]


def _table(config: Config, others: list[str]) -> Stack:
    slots = others + [""] * (MOST_REGIONS - 1 - len(others))
    regions: dict[str, Value] = {f"Region{number}": region for number, region in enumerate(slots, start=2)}
    return Stack("table", config.home, {"Name": config.name, **regions})


def _table_name(config: Config) -> Output:
    return Output("table", config.home, "TableName")


def _network(config: Config, region: str) -> Stack:
    return Stack("network", region, {"Name": config.name, "TableName": _table_name(config)})


def _imports(config: Config, region: str) -> Stack:
    return Stack(
        "imports",
        region,
        {
            "Name": config.name,
            "TableName": _table_name(config),
            "CodeBucket": Output("artifacts", region, "Bucket"),
            "CodeKey": CodeKey("importer"),
        },
    )


def _function(config: Config, region: str) -> Stack:
    return Stack(
        "function",
        region,
        {
            "Name": config.name,
            "Domain": config.domain,
            "TableName": _table_name(config),
            "StreamArn": StreamOf(region),
            "CodeBucket": Output("artifacts", region, "Bucket"),
            "CodeKey": CodeKey(),
            "CodeSha256": CodeHash(),
            **{
                name: Output("network", region, name) if config.cache else ""
                for name in ("SubnetIds", "SecurityGroupId", "RedisUrl")
            },
            "ImportBucket": Output("imports", region, "Bucket") if config.imports else "",
            MAX_RADIUS_PARAMETER: str(config.max_radius_m),
        },
    )


def _door(config: Config, region: str) -> Stack:
    return Stack(
        "gateway",
        region,
        {
            "Name": config.name,
            "Domain": config.domain,
            "CertificateArn": config.certificates[region] if config.domain else "",
            "AliasArn": Output("function", region, "AliasArn"),
        },
    )


def _names(config: Config, region: str) -> Stack:
    other = config.after(region)
    return Stack(
        "names",
        region,
        {
            "Domain": config.domain,
            "HostedZoneId": config.zone,
            **{
                name: Output("gateway", region, name)
                for name in ("RegionTarget", "OriginTarget", "TargetZone", "HealthCheckId")
            },
            "NextSpareTarget": Output("gateway", other, "SpareTarget"),
            "NextTargetZone": Output("gateway", other, "TargetZone"),
            "NextHealthCheckId": Output("gateway", other, "HealthCheckId"),
        },
    )


def _edge(config: Config) -> Stack:
    return Stack(
        "edge",
        EDGE_REGION,
        {
            "Name": config.name,
            "Domain": config.domain,
            "HostedZoneId": config.zone,
            "CertificateArn": config.edge_certificate,
            "ApiName": "" if config.domain else Output("gateway", config.home, "ApiName"),
            MAX_RADIUS_PARAMETER: str(config.max_radius_m),
        },
    )


def _purge(config: Config) -> Stack:
    return Stack(
        "purge",
        config.home,
        {
            "Name": config.name,
            "StreamArn": StreamOf(config.home),
            "DistributionId": Output("edge", EDGE_REGION, "DistributionId"),
            "KeyValueStoreArn": Output("edge", EDGE_REGION, "KeyValueStoreArn"),
        },
    )


def _backup(config: Config) -> Stack:
    return Stack("backup", config.home, {"Name": config.name, "TableArn": Output("table", config.home, "TableArn")})


def _watch(config: Config, region: str) -> Stack:
    other = config.after(region)
    return Stack(
        "watch",
        region,
        {
            "Name": config.name,
            "Domain": config.domain or Output("edge", EDGE_REGION, "DistributionDomain"),
            "Email": config.email,
            "WithCanary": str(config.canary).lower(),
            "TableName": _table_name(config),
            "OtherRegion": "" if other == region else other,
            "ApiId": Output("gateway", region, "ApiId"),
            "DeadLetterQueue": Output("function", region, "DeadLetterQueue"),
            "CacheName": Output("network", region, "CacheName") if config.cache else "",
            "ImportDeadLetterQueue": Output("imports", region, "DeadLetterQueue") if config.imports else "",
            "PurgeDeadLetterQueue": Output("purge", region, "DeadLetterQueue") if region == config.home else "",
            "BackupVault": Output("backup", region, "VaultName") if region == config.home else "",
            "ExportDeadLetterQueue": Output("backup", region, "DeadLetterQueue") if region == config.home else "",
        },
    )


def _alarms(config: Config) -> Stack:
    checks: dict[str, Value] = {f"HealthCheck{number}": "" for number in range(1, MOST_REGIONS + 1)}
    checks |= {
        f"HealthCheck{number}": Output("gateway", region, "HealthCheckId")
        for number, region in enumerate(config.regions, start=1)
        if config.domain
    }
    shown: dict[str, Value] = {}
    for number in range(1, MOST_REGIONS + 1):
        region = config.regions[number - 1] if number <= len(config.regions) else ""
        shown |= {f"Region{number}": region, f"ApiId{number}": Output("gateway", region, "ApiId") if region else ""}
    return Stack(
        "alarms",
        EDGE_REGION,
        {
            "Name": config.name,
            "Email": config.email,
            "DistributionId": Output("edge", EDGE_REGION, "DistributionId"),
            "TableName": _table_name(config),
            "DeadLetterQueue": Output("function", config.home, "DeadLetterQueue"),
            "CacheName": Output("network", config.home, "CacheName") if config.cache else "",
            **checks,
            **shown,
        },
    )


def _with_settings(config: Config, step: Step) -> Step:
    """The user's own values, by template, in place of defaults."""
    if not isinstance(step, Stack):
        return step
    return Stack(step.template, step.region, {**step.parameters, **config.settings.get(step.template, {})})
