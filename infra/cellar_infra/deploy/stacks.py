"""Which stacks there are, in which order, and where their parameters come from.

Invariant: a step needs only what steps before it made, so a deployment that failed goes on when it is started again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cellar_infra.deploy.config import EDGE_REGION, MAX_RADIUS_PARAMETER, MOST_REGIONS, Config


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
    """Where the function's code lies in the bucket: named by its hash, so that nothing is uploaded twice."""

    def __str__(self) -> str:
        return "<sha256 of the code>.zip"


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
    """The function's code, into a region's bucket."""

    region: str


Step = Stack | Upload


def steps(config: Config, replicas: tuple[str, ...] = ()) -> list[Step]:
    """All steps. `replicas` are the regions that the table has by now."""
    plan: list[Step] = [*_tables(config, replicas)]
    for region in config.regions:
        plan += [Stack("artifacts", region, {"Name": config.name}), Upload(region), _network(config, region)]
        plan += [_function(config, region), _door(config, region)]
    plan += [_names(config, region) for region in config.regions]
    plan += [_edge(config), _purge(config), _backup(config)]
    plan += [_watch(config, region) for region in config.regions]
    plan.append(_alarms(config))
    return [_with_settings(config, step) for step in plan]


def _tables(config: Config, replicas: tuple[str, ...]) -> list[Stack]:
    """DynamoDB adds or removes one replica in an update: the way from what is to what is wanted, one by one."""
    wanted = list(config.regions[1:])
    now = [region for region in replicas if region != config.home]
    if not now and not replicas:
        return [_table(config, wanted)]
    path: list[list[str]] = []
    for gone in [region for region in now if region not in wanted]:
        now = [region for region in now if region != gone]
        path.append(list(now))
    for new in [region for region in wanted if region not in now]:
        now = [*now, new]
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
            "SubnetIds": Output("network", region, "SubnetIds"),
            "SecurityGroupId": Output("network", region, "SecurityGroupId"),
            "RedisUrl": Output("network", region, "RedisUrl"),
            MAX_RADIUS_PARAMETER: str(config.max_radius_m),
        },
    )


def _door(config: Config, region: str) -> Stack:
    return Stack(
        "door",
        region,
        {
            "Name": config.name,
            "Domain": config.domain,
            "CertificateArn": config.certificates[region],
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
                name: Output("door", region, name)
                for name in ("RegionTarget", "OriginTarget", "TargetZone", "HealthCheckId")
            },
            "NextRegion": other,
            "NextSpareTarget": Output("door", other, "SpareTarget"),
            "NextTargetZone": Output("door", other, "TargetZone"),
            "NextHealthCheckId": Output("door", other, "HealthCheckId"),
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
            "Domain": config.domain,
            "Email": config.email,
            "TableName": _table_name(config),
            "OtherRegion": "" if other == region else other,
            "ApiId": Output("door", region, "ApiId"),
            "DeadLetterQueue": Output("function", region, "DeadLetterQueue"),
            "CacheName": Output("network", region, "CacheName"),
            "PurgeDeadLetterQueue": Output("purge", region, "DeadLetterQueue") if region == config.home else "",
        },
    )


def _alarms(config: Config) -> Stack:
    checks: dict[str, Value] = {f"HealthCheck{number}": "" for number in range(1, MOST_REGIONS + 1)}
    checks |= {
        f"HealthCheck{number}": Output("door", region, "HealthCheckId")
        for number, region in enumerate(config.regions, start=1)
    }
    return Stack(
        "alarms",
        EDGE_REGION,
        {
            "Name": config.name,
            "Email": config.email,
            "DistributionId": Output("edge", EDGE_REGION, "DistributionId"),
            **checks,
        },
    )


def _with_settings(config: Config, step: Step) -> Step:
    """The user's own values, by template, in place of defaults."""
    if isinstance(step, Upload):
        return step
    return Stack(step.template, step.region, {**step.parameters, **config.settings.get(step.template, {})})
