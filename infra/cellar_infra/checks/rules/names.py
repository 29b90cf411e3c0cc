"""Names and health checks: records that can stand beside each other, and lead where the distribution looks."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from cellar_infra.checks.contract import contract, routes
from cellar_infra.checks.model import Bundle, Finding, Json, dig, ref, rule, text_of, walk

RECORD = "AWS::Route53::RecordSet"
CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"
# Health checkers' regions (API reference, HealthCheckConfig), of which at least three are needed.
CHECKERS = {
    "us-east-1",
    "us-west-1",
    "us-west-2",
    "eu-west-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-northeast-1",
    "sa-east-1",
}


@rule
def latency_records(bundle: Bundle) -> Iterator[Finding]:
    for template, name, record in bundle.properties(RECORD):
        routed = any(key in record for key in ("Region", "Weight", "Failover", "GeoLocation"))
        if routed != ("SetIdentifier" in record):
            yield Finding(
                template, name, "SetIdentifier goes with a routing policy, and every routing policy needs one"
            )
        if template == "names" and name in ("Origin", "Spare"):
            yield from _one_of_many(template, name, record)
        if record.get("Type") not in ("A", "AAAA"):
            yield Finding(
                template, name, f"is of type {record.get('Type')}; aliases of APIs and distributions are A or AAAA"
            )
        if not record.get("AliasTarget") or "TTL" in record:
            yield Finding(template, name, "is meant to be an alias, which has no TTL")


@rule
def identifiers_stay(bundle: Bundle) -> Iterator[Finding]:
    """A SetIdentifier that changes makes a new record beside the old one: two of one region, which Route 53 refuses."""
    for template, name, record in bundle.properties(RECORD):
        for parameter in sorted(_parameters_in(record.get("SetIdentifier"))):
            yield Finding(template, name, f"SetIdentifier comes from {parameter}, which can change")


def _parameters_in(value: Json) -> set[str]:
    """Parameters and resources that a value comes from; pseudo parameters stay what they are."""
    found: set[str] = set()
    for path, inner in walk(value):
        if path.endswith("/Ref") and isinstance(inner, str):
            found.add(inner)
        elif path.endswith(("/Fn::Sub", "/Fn::Sub/0")) and isinstance(inner, str):
            found |= set(re.findall(r"\$\{([\w:.]+)\}", inner))
    return {one for one in found if not one.startswith("AWS::")}


def _one_of_many(template: str, name: str, record: Json) -> Iterator[Finding]:
    if record.get("Region") != ref("AWS::Region"):
        yield Finding(template, name, "is not this region's record")
    if record.get("SetIdentifier") != ref("AWS::Region"):
        yield Finding(template, name, "SetIdentifier is the same in every region, and Route 53 refuses the second")
    expected = {
        "Origin": ("HealthCheckId", "OriginTarget", "TargetZone"),
        "Spare": ("NextHealthCheckId", "NextSpareTarget", "NextTargetZone"),
    }
    check, target, zone = expected[name]
    if record.get("HealthCheckId") != ref(check):
        yield Finding(template, name, "is not taken away when the region that it leads to is ill")
    if dig(record, "AliasTarget", "DNSName") != ref(target) or dig(record, "AliasTarget", "HostedZoneId") != ref(zone):
        yield Finding(template, name, f"does not lead to {target} in {zone}")


@rule
def public_name(bundle: Bundle) -> Iterator[Finding]:
    kinds = defaultdict(set)
    for template, name, record in bundle.properties(RECORD):
        if dig(record, "AliasTarget", "DNSName") == {"Fn::GetAtt": ["Distribution", "DomainName"]}:
            kinds[template].add(record.get("Type"))
            if dig(record, "AliasTarget", "HostedZoneId") != CLOUDFRONT_ZONE:
                yield Finding(template, name, f"CloudFront's zone is {CLOUDFRONT_ZONE}")
            if dig(record, "AliasTarget", "EvaluateTargetHealth") is not False:
                yield Finding(template, name, "the health of a distribution cannot be evaluated")
            if record.get("Name") != ref("Domain"):
                yield Finding(template, name, "is not the public name")
    if kinds.get("edge") != {"A", "AAAA"}:
        yield Finding("edge", "records", "the public name needs A and AAAA")


@rule
def health_checks(bundle: Bundle) -> Iterator[Finding]:
    answer, paths = contract()["health"], routes()
    for template, name, properties in bundle.properties("AWS::Route53::HealthCheck"):
        check = properties.get("HealthCheckConfig", {})
        if check.get("Type") != "HTTPS_STR_MATCH":
            yield Finding(template, name, "must look for a text in the answer, over HTTPS")
        if check.get("RequestInterval") not in (10, 30):
            yield Finding(template, name, f"RequestInterval {check.get('RequestInterval')}; allowed: 10, 30")
        if not 1 <= (check.get("FailureThreshold") or 0) <= 5:
            yield Finding(
                template,
                name,
                f"FailureThreshold {check.get('FailureThreshold')}: a region would be missed for long; allowed: 1 to 5",
            )
        regions = set(check.get("Regions", []))
        if len(regions) < 3 or not regions <= CHECKERS:
            yield Finding(template, name, f"Regions {sorted(regions)}; allowed: at least three of {sorted(CHECKERS)}")
        if check.get("ResourcePath") not in paths:
            yield Finding(template, name, f"the API has no {check.get('ResourcePath')}")
        if check.get("SearchString") != '"status":"ok"' or '"status":"ok"' not in answer:
            yield Finding(template, name, f"a healthy answer does not hold {check.get('SearchString')!r}")
        if text_of(check.get("FullyQualifiedDomainName")) != "${AWS::Region}.${Domain}":
            yield Finding(template, name, "must ask this region by its own name; another name may lead elsewhere")
        if check.get("EnableSNI") is not True or check.get("Port") != 443:
            yield Finding(template, name, "an API's certificate is found by SNI, on port 443")


@rule
def a_table_that_is_away_is_seen(bundle: Bundle) -> Iterator[Finding]:
    """A shallow ping succeeds without the table, and one success begins the count of failures anew."""
    if dig(bundle.sources, "function", "Parameters", "DeepPingPercent", "Default") != 100:
        yield Finding(
            "function",
            "DeepPingPercent",
            "below 100, failures in a row hardly ever come: a region without its table would stay in",
        )


@rule
def each_region_is_watched(bundle: Bundle) -> Iterator[Finding]:
    """Every health check that alarms.yaml is given has its own alarm."""
    watched = [
        dimension.get("Value", {}).get("Ref")
        for _, _, alarm in bundle.properties("AWS::CloudWatch::Alarm")
        for dimension in alarm.get("Dimensions", [])
        if dimension.get("Name") == "HealthCheckId"
    ]
    given = [name for name in bundle.sources.get("alarms", {}).get("Parameters", {}) if name.startswith("HealthCheck")]
    if sorted(watched) != sorted(given):
        yield Finding("alarms", "health checks", f"{sorted(given)} are given and {sorted(watched)} watched")


@rule
def names_agree(bundle: Bundle) -> Iterator[Finding]:
    """Gateways, records and origins speak of the same names."""
    gateways = {
        text_of(domain.get("DomainName")) for _, _, domain in bundle.properties("AWS::ApiGatewayV2::DomainName")
    }
    records = {text_of(record.get("Name")) for template, _, record in bundle.properties(RECORD) if template == "names"}
    origins = {
        text_of(origin.get("DomainName"))
        for _, _, properties in bundle.properties("AWS::CloudFront::Distribution")
        for origin in dig(properties, "DistributionConfig", "Origins") or []
    }
    if gateways != records:
        yield Finding("gateway", "names", f"gateways have {sorted(gateways)}, records {sorted(records)}")
    if not origins <= records or len(origins) != 2:
        yield Finding("edge", "Origins", f"{sorted(origins)}: two of {sorted(records)} are needed")
