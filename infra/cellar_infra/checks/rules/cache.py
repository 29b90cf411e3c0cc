"""The shared cache and the network around it."""

from __future__ import annotations

from collections.abc import Iterator

from cellar_infra.checks.model import Bundle, Finding, Json, as_list, dig, rule, text_of

CACHE = "AWS::ElastiCache::ServerlessCache"
# Engines of serverless caches and what of each Cellar can use (docs/CACHING.md: cluster mode of version 7, or Valkey).
ENGINES = {"valkey": {"7", "8", "9"}, "redis": {"7"}}
# The endpoint, and the one for reads (ElastiCache user guide, "Accessing your ElastiCache cluster").
PORTS = (6379, 6380)


@rule
def engine(bundle: Bundle) -> Iterator[Finding]:
    for template, name, cache in bundle.properties(CACHE):
        versions = ENGINES.get(cache.get("Engine"))
        if versions is None:
            yield Finding(
                template,
                name,
                f"engine {cache.get('Engine')!r}; serverless caches that Cellar can use: {sorted(ENGINES)}",
            )
        elif cache.get("MajorEngineVersion") not in versions:
            yield Finding(template, name, f"version {cache.get('MajorEngineVersion')!r}; allowed: {sorted(versions)}")
        limits = cache.get("CacheUsageLimits", {})
        if not dig(limits, "DataStorage", "Maximum") or not dig(limits, "ECPUPerSecond", "Maximum"):
            yield Finding(template, name, "no bound on what it may cost")


@rule
def subnets_in_two_zones(bundle: Bundle) -> Iterator[Finding]:
    for template, name, cache in bundle.properties(CACHE):
        resources = bundle.sources[template]["Resources"]
        zones = [
            repr(dig(resources, dig(subnet, "Ref"), "Properties", "AvailabilityZone"))
            for subnet in as_list(cache.get("SubnetIds"))
        ]
        if len(set(zones)) < 2:
            yield Finding(template, name, "its subnets are not in two zones")
    ranges: set[str] = set()
    for template, name, subnet in bundle.properties("AWS::EC2::Subnet"):
        if repr(subnet.get("CidrBlock")) in ranges:
            yield Finding(template, name, "has the addresses of another subnet")
        ranges.add(repr(subnet.get("CidrBlock")))
        if subnet.get("MapPublicIpOnLaunch") is not False:
            yield Finding(template, name, "is not private")


@rule
def only_the_function_reaches_the_cache(bundle: Bundle) -> Iterator[Finding]:
    for template, name, cache in bundle.properties(CACHE):
        groups = [dig(group, "Ref") for group in as_list(cache.get("SecurityGroupIds"))]
        rules = [properties for _, _, properties in bundle.properties("AWS::EC2::SecurityGroupIngress")]
        inbound = [properties for properties in rules if dig(properties, "GroupId", "Ref") in groups]
        if not inbound:
            yield Finding(template, name, "nothing may reach it")
        for properties in inbound:
            if "SourceSecurityGroupId" not in properties:
                yield Finding(template, name, "is open to addresses instead of a security group")
        outbound = [properties for _, _, properties in bundle.properties("AWS::EC2::SecurityGroupEgress")]
        if not any(dig(properties, "DestinationSecurityGroupId", "Ref") in groups for properties in outbound):
            yield Finding(template, name, "the function may not go to it")
        yield from _ports(template, [*inbound, *outbound])
    for template, name, group in bundle.properties("AWS::EC2::SecurityGroup"):
        if group.get("SecurityGroupIngress"):
            yield Finding(template, name, "lets somebody in; only FunctionToCache and CacheFromFunction are meant to")


def _ports(template: str, rules: list[Json]) -> Iterator[Finding]:
    for properties in rules:
        if (properties.get("FromPort"), properties.get("ToPort")) != PORTS:
            yield Finding(template, "security groups", f"the cache listens on {PORTS}")


@rule
def tls(bundle: Bundle) -> Iterator[Finding]:
    """Serverless caches are clusters that speak TLS and nothing else."""
    for template, document in bundle.sources.items():
        for name, output in document.get("Outputs", {}).items():
            if name == "RedisUrl" and not text_of(output["Value"]).startswith("rediss+cluster://"):
                yield Finding(template, name, "must begin with rediss+cluster://")


@rule
def no_way_out(bundle: Bundle) -> Iterator[Finding]:
    for kind in ("AWS::EC2::InternetGateway", "AWS::EC2::NatGateway"):
        for template, name, _ in bundle.of_type(kind):
            yield Finding(template, name, "the network is meant to have no way out")


@rule
def gateway(bundle: Bundle) -> Iterator[Finding]:
    """Without a gateway endpoint on the subnets' own route table nothing reaches the table."""
    for template, name, endpoint in bundle.properties("AWS::EC2::VPCEndpoint"):
        if endpoint.get("VpcEndpointType") != "Gateway" or not text_of(endpoint.get("ServiceName")).endswith(
            ".dynamodb"
        ):
            yield Finding(template, name, "is no gateway of DynamoDB")
        tables = as_list(endpoint.get("RouteTableIds"))
        links = [
            link for where, _, link in bundle.properties("AWS::EC2::SubnetRouteTableAssociation") if where == template
        ]
        linked = {dig(link, "SubnetId", "Ref") for link in links if link.get("RouteTableId") in tables}
        subnets = {subnet for where, subnet, _ in bundle.properties("AWS::EC2::Subnet") if where == template}
        if linked != subnets:
            yield Finding(template, name, f"subnets without a route to it: {sorted(subnets - linked)}")
        yield from _policy(bundle, template, name, endpoint)


def _policy(bundle: Bundle, template: str, name: str, endpoint: Json) -> Iterator[Finding]:
    """What the function's role may do through the gateway."""
    allowed = {
        action
        for statement in dig(endpoint, "PolicyDocument", "Statement") or []
        for action in as_list(statement.get("Action"))
    }
    for where, role, properties in bundle.properties("AWS::IAM::Role"):
        if where != "function" or role != "Role":
            continue
        statements = dig(properties, "Policies", 0, "PolicyDocument", "Statement") or []
        wanted = {
            action for s in statements if s.get("Sid") in ("Places", "Search") for action in as_list(s.get("Action"))
        }
        if wanted != allowed:
            yield Finding(template, name, f"lets {sorted(allowed)} through, the function needs {sorted(wanted)}")


@rule
def dns(bundle: Bundle) -> Iterator[Finding]:
    for template, name, vpc in bundle.properties("AWS::EC2::VPC"):
        if vpc.get("EnableDnsSupport") is not True or vpc.get("EnableDnsHostnames") is not True:
            yield Finding(template, name, "the cache is found by name, which needs DNS")
