"""The distribution: policies that do not overrule the origin, failover that works, a function that runs."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache

from cellar_infra.checks.contract import contract
from cellar_infra.checks.model import Bundle, Finding, Json, as_list, dig, ref, rule, text_of
from cellar_infra.checks.rules.limits import EDGE_FUNCTION, code_of

DISTRIBUTION = "AWS::CloudFront::Distribution"
# Status codes that a group may fail over on (API reference, OriginGroupFailoverCriteria), and those that Cellar needs.
FAILOVER_CODES = {403, 404, 416, 429, 500, 502, 503, 504}
NEEDED_CODES = {500, 502, 503, 504}
# Errors that CloudFront keeps for ten seconds if nothing else is said (developer guide, "HTTP 4xx and 5xx status codes that
# CloudFront always caches"), of those that a template can speak of.
KEPT_ERRORS = {404, 405, 414, 500, 501, 502, 503, 504}
MOST_FUNCTION_BYTES = 10_240


def configs(bundle: Bundle) -> Iterator[tuple[str, str, Json]]:
    for template, name, properties in bundle.properties(DISTRIBUTION):
        yield template, name, properties.get("DistributionConfig", {})


def behaviors(config: Json) -> list[Json]:
    return [*config.get("CacheBehaviors", []), config.get("DefaultCacheBehavior", {})]


@rule
def cache_policies_obey_the_origin(bundle: Bundle) -> Iterator[Finding]:
    longest = round(86_400 * 1.1)  # CELLAR_EDGE_SHARED_MAX_AGE_S is at most a day, and jitter adds a tenth.
    for template, name, properties in bundle.properties("AWS::CloudFront::CachePolicy"):
        policy = properties.get("CachePolicyConfig", {})
        low, usual, high = (policy.get(key) for key in ("MinTTL", "DefaultTTL", "MaxTTL"))
        if low != 0 or usual != 0:
            yield Finding(template, name, "MinTTL and DefaultTTL must be 0, or `no-store` is overruled")
        if not isinstance(high, int) or high < longest:
            yield Finding(template, name, f"MaxTTL {high} cuts lifetimes that the API may say, up to {longest}")
        key = policy.get("ParametersInCacheKeyAndForwardedToOrigin", {})
        if not (key.get("EnableAcceptEncodingBrotli") and key.get("EnableAcceptEncodingGzip")):
            yield Finding(template, name, "the key needs the normalized Accept-Encoding, gzip and brotli")
        if dig(key, "QueryStringsConfig", "QueryStringBehavior") != "all":
            yield Finding(template, name, "the key needs all query strings")
        for part, behavior in (("HeadersConfig", "HeaderBehavior"), ("CookiesConfig", "CookieBehavior")):
            if dig(key, part, behavior) != "none":
                yield Finding(template, name, f"{part} is in the key: answers would not be shared")


@rule
def tags(bundle: Bundle) -> Iterator[Finding]:
    header = contract()["headers"]["cache_tag"]
    for template, name, config in configs(bundle):
        if str(dig(config, "CacheTagConfig", "HeaderName")).lower() != header:
            yield Finding(
                template, name, f"CacheTagConfig must name the header {header}, or nothing can be invalidated by tag"
            )


@rule
def failover(bundle: Bundle) -> Iterator[Finding]:
    for template, name, config in configs(bundle):
        origins = {origin.get("Id") for origin in config.get("Origins", [])}
        groups = as_list(dig(config, "OriginGroups", "Items"))
        for group in groups:
            codes, members = dig(group, "FailoverCriteria", "StatusCodes") or {}, group.get("Members", {})
            listed = [member.get("OriginId") for member in members.get("Items", [])]
            if len(listed) != 2 or len(set(listed)) != 2 or not set(listed) <= origins:
                yield Finding(
                    template, name, f"members {listed}: a group has two different origins of {sorted(origins)}"
                )
            if not NEEDED_CODES <= set(codes.get("Items", [])) <= FAILOVER_CODES:
                yield Finding(
                    template,
                    name,
                    f"failover on {codes.get('Items')}; needed {sorted(NEEDED_CODES)}, allowed {sorted(FAILOVER_CODES)}",
                )
            for what, items in ((codes, codes.get("Items", [])), (members, listed)):
                if what.get("Quantity") != len(items):
                    yield Finding(template, name, f"Quantity {what.get('Quantity')} of {len(items)} items")
        if dig(config, "OriginGroups", "Quantity") != len(groups):
            yield Finding(
                template, name, f"OriginGroups: Quantity {dig(config, 'OriginGroups', 'Quantity')} of {len(groups)}"
            )
        yield from _targets(template, name, config, origins, {group.get("Id") for group in groups})


def _targets(template: str, name: str, config: Json, origins: set[str], groups: set[str]) -> Iterator[Finding]:
    for behavior in behaviors(config):
        where, target = f"{name} {behavior.get('PathPattern', 'default')}", behavior.get("TargetOriginId")
        if target not in origins | groups:
            yield Finding(template, where, f"leads to {target!r}, which is no origin")
        writes = set(behavior.get("AllowedMethods", [])) - {"GET", "HEAD", "OPTIONS"}
        if target in groups and writes:
            yield Finding(template, where, f"CloudFront refuses {sorted(writes)} for an origin group")
    if not groups & {behavior.get("TargetOriginId") for behavior in behaviors(config)}:
        yield Finding(template, name, "no behavior uses the failover group")


@rule
def errors_are_not_kept(bundle: Bundle) -> Iterator[Finding]:
    for template, name, config in configs(bundle):
        kept = {e.get("ErrorCode") for e in config.get("CustomErrorResponses", []) if e.get("ErrorCachingMinTTL") == 0}
        if missing := KEPT_ERRORS - kept:
            yield Finding(template, name, f"CloudFront would keep {sorted(missing)} for ten seconds")


@rule
def transport(bundle: Bundle) -> Iterator[Finding]:
    for template, name, config in configs(bundle):
        for behavior in behaviors(config):
            if behavior.get("ViewerProtocolPolicy") not in ("https-only", "redirect-to-https"):
                yield Finding(
                    template,
                    f"{name} {behavior.get('PathPattern', 'default')}",
                    "must be https-only or redirect-to-https",
                )
        certificate = config.get("ViewerCertificate", {})
        if not re.fullmatch(r"TLSv1\.[23]_20\d\d", str(certificate.get("MinimumProtocolVersion"))):
            yield Finding(template, name, "lets old TLS in")
        if certificate.get("AcmCertificateArn") != ref("CertificateArn") or config.get("Aliases") != [ref("Domain")]:
            yield Finding(template, name, "does not serve the domain with its certificate")
        for origin in config.get("Origins", []):
            if dig(origin, "CustomOriginConfig", "OriginProtocolPolicy") != "https-only":
                yield Finding(template, f"{name} {origin.get('Id')}", "is not asked over HTTPS")
        if not config.get("Logging") or config.get("Enabled") is not True or config.get("IPV6Enabled") is not True:
            yield Finding(template, name, "is not enabled, has no IPv6 or writes no log")


@rule
def the_function_is_the_tested_one(bundle: Bundle) -> Iterator[Finding]:
    tested = EDGE_FUNCTION.read_text()
    for template, name, function in bundle.properties("AWS::CloudFront::Function"):
        code = code_of(bundle, template, function)
        if code != tested:
            yield Finding(template, name, "is not infra/edge/function.js")
        if len(code.encode()) > MOST_FUNCTION_BYTES:
            yield Finding(template, name, f"has {len(code.encode())} bytes; allowed: {MOST_FUNCTION_BYTES}")
        if fault := syntax_fault(code, module=True):
            yield Finding(template, name, fault)
        if dig(function, "FunctionConfig", "Runtime") != "cloudfront-js-2.0" or function.get("AutoPublish") is not True:
            yield Finding(template, name, "must be published, with runtime 2.0 (`cf.kvs`, `rawQueryString`)")
        if not dig(function, "FunctionConfig", "KeyValueStoreAssociations"):
            yield Finding(template, name, "has no density map")


@rule
def canary_scripts_run(bundle: Bundle) -> Iterator[Finding]:
    for template, name, canary in bundle.properties("AWS::Synthetics::Canary"):
        script, handler = str(dig(canary, "Code", "Script")), str(dig(canary, "Code", "Handler"))
        if fault := syntax_fault(script, module=False):
            yield Finding(template, name, fault)
        if not text_of(canary.get("ArtifactS3Location")).startswith("s3://"):
            yield Finding(template, name, "ArtifactS3Location must begin with s3://")
        if f"exports.{handler.rsplit('.')[-1]} =" not in script:
            yield Finding(template, name, f"the script exports no {handler.rsplit('.')[-1]}")


@cache
def syntax_fault(code: str, *, module: bool) -> str | None:
    """What node says of a script."""
    kind = "module" if module else "commonjs"
    result = subprocess.run(
        ["node", f"--input-type={kind}", "--check", "-"], input=code, capture_output=True, text=True, check=False
    )
    if result.returncode == 0:
        return None
    told = [line for line in result.stderr.splitlines() if "Error" in line]
    return f"node: {told[0] if told else result.stderr.strip()}"


@rule
def logs_can_be_delivered(bundle: Bundle) -> Iterator[Finding]:
    """The delivery of standard logs writes an ACL, which a bucket takes only if ownership is not enforced."""
    for template, name, config in configs(bundle):
        bucket = dig(config, "Logging", "Bucket", "Fn::GetAtt", 0)
        body = dig(bundle.sources[template], "Resources", str(bucket), "Properties") or {}
        if dig(body, "OwnershipControls", "Rules", 0, "ObjectOwnership") != "BucketOwnerPreferred":
            yield Finding(
                template, f"{name} Logging", f"{bucket} takes no ACLs: ObjectOwnership must be BucketOwnerPreferred"
            )


@rule
def response_headers(bundle: Bundle) -> Iterator[Finding]:
    for template, name, properties in bundle.properties("AWS::CloudFront::ResponseHeadersPolicy"):
        policy = properties.get("ResponseHeadersPolicyConfig", {})
        if dig(policy, "ServerTimingHeadersConfig", "Enabled") is not True:
            yield Finding(template, name, "no Server-Timing of the CDN")
        missing = {"StrictTransportSecurity", "ContentTypeOptions", "ReferrerPolicy"} - set(
            policy.get("SecurityHeadersConfig", {})
        )
        if missing:
            yield Finding(template, name, f"lacks {sorted(missing)}")
    for template, name, config in configs(bundle):
        for behavior in behaviors(config):
            if not behavior.get("ResponseHeadersPolicyId") or behavior.get("Compress") is not True:
                yield Finding(
                    template,
                    f"{name} {behavior.get('PathPattern', 'default')}",
                    "has no headers policy or does not compress",
                )
