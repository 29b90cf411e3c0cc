"""Web pages: whose may read and write is said by the API alone, and what it needs to know for that reaches it."""

from __future__ import annotations

from collections.abc import Iterator

from cellar_infra.checks.contract import contract
from cellar_infra.checks.model import Bundle, Finding, Json, as_list, dig, ref, rule
from cellar_infra.checks.rules.cdn import behaviors, configs
from cellar_infra.checks.rules.cdn_routes import ALL_VIEWER_EXCEPT_HOST

# What a preflight says (Fetch Standard, "CORS protocol"), and what tells a browser from a program.
ASKED = {"accept", "access-control-request-headers", "access-control-request-method", "origin"}


@rule
def preflights_reach_the_api(bundle: Bundle) -> Iterator[Finding]:
    policies = {
        name: {
            str(header).lower()
            for header in as_list(dig(body, "OriginRequestPolicyConfig", "HeadersConfig", "Headers"))
        }
        for _, name, body in bundle.properties("AWS::CloudFront::OriginRequestPolicy")
    }
    for template, name, config in configs(bundle):
        for behavior in behaviors(config):
            where = f"{name} {behavior.get('PathPattern', 'default')}"
            if "OPTIONS" not in behavior.get("AllowedMethods", []):
                yield Finding(template, where, "answers preflights by itself, with a 403")
            if "OPTIONS" in behavior.get("CachedMethods", []):
                yield Finding(template, where, "keeps answers to preflights, whose questions are not in the key")
            if missing := ASKED - _forwarded(behavior, policies):
                yield Finding(template, where, f"does not tell the API {sorted(missing)}")


def _forwarded(behavior: Json, policies: dict[str, set[str]]) -> set[str]:
    policy = behavior.get("OriginRequestPolicyId")
    if policy == ALL_VIEWER_EXCEPT_HOST:
        return ASKED
    return policies.get(str(dig(policy, "Ref")), set())


@rule
def the_api_decides(bundle: Bundle) -> Iterator[Finding]:
    for template, name, properties in bundle.properties("AWS::CloudFront::ResponseHeadersPolicy"):
        policy = properties.get("ResponseHeadersPolicyConfig", {})
        if "CorsConfig" in policy:
            yield Finding(template, name, "CorsConfig would let pages in that the API does not")
        for header in as_list(dig(policy, "RemoveHeadersConfig", "Items")):
            gone = str(header.get("Header")).lower()
            if gone.startswith("access-control-") or gone in ("vary", "content-security-policy"):
                yield Finding(template, name, f"takes away {gone}, without which pages do not work")
        if dig(policy, "SecurityHeadersConfig", "ContentSecurityPolicy", "Override") is not False:
            yield Finding(
                template, name, "ContentSecurityPolicy overrules that of the API's own pages, which then load nothing"
            )


@rule
def any_page_may_read_what_is_kept(bundle: Bundle) -> Iterator[Finding]:
    """A list of origins would have to be in the key: answers differ by them."""
    for template, name, function in bundle.properties("AWS::Serverless::Function"):
        if "CELLAR_CORS_ORIGINS" in (dig(function, "Environment", "Variables") or {}):
            yield Finding(template, f"{name} CELLAR_CORS_ORIGINS", "the CDN keeps one answer for all pages")


@rule
def links_begin_with_the_public_name(bundle: Bundle) -> Iterator[Finding]:
    known = {variable["name"] for variable in contract()["variables"]}
    for template, name, function in bundle.properties("AWS::Serverless::Function"):
        variables = dig(function, "Environment", "Variables") or {}
        if "CELLAR_TABLE" not in variables:
            continue
        url = variables.get("CELLAR_PUBLIC_URL")
        if "CELLAR_PUBLIC_URL" in known and url != {"Fn::Sub": "https://${Domain}"}:
            yield Finding(template, f"{name} CELLAR_PUBLIC_URL", f"is {url!r}; clients are at https://${{Domain}}")
    for template, name, config in configs(bundle):
        if config.get("Aliases") != [ref("Domain")]:
            yield Finding(template, name, "is not at the name that links begin with")
