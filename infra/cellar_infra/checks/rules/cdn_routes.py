"""Where the CDN sends each request that the router knows: simulated, for every route and for ids made to mislead it.

CloudFront takes the first pattern that matches; `*` is any text, `/` included, `?` one character, and case counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from cellar_infra.checks.contract import routes
from cellar_infra.checks.model import Bundle, Finding, Json, as_list, dig, ref, rule
from cellar_infra.checks.rules.cdn import configs

# AWS's managed policies (developer guide, "Use managed cache policies", "Use managed origin request policies").
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"

SAMPLES = {
    "{collection}": ["wineries", "items", "nearby"],
    "{cell}": ["gh:u09t", "h3:831fb4fffffffff"],
    "{z}": ["10"],
    "{x}": ["518"],
    "{y}": ["352", "352.mvt"],
    "{import}": ["00000000000000000000000000000001"],
    "{id}": ["gn-42", "nearby", "edge-map", "cells", "a%2Fnearby"],
    "{problem}": ["store-unavailable"],
}
# Read answers that the API lets others keep; all else says `private, no-store` or is a document.
SHARED = re.compile(r".*/(nearby|edge-map|cells|tiles/.+)$")


def matches(pattern: str, path: str) -> bool:
    return re.fullmatch("".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern), path) is not None


def behavior_for(config: Json, path: str) -> Json:
    for behavior in config.get("CacheBehaviors", []):
        if matches("/" + behavior["PathPattern"].lstrip("/"), path):
            return behavior
    return config.get("DefaultCacheBehavior", {})


def paths(route: str) -> list[str]:
    """Samples of a route, all combinations."""
    found = [route]
    for name, values in SAMPLES.items():
        found = [path.replace(name, value) for path in found for value in values] if name in route else found
    return found


def behavior_faults(behavior: Json, route: str, methods: frozenset[str], groups: set[str]) -> Iterator[str]:
    missing = methods - set(behavior.get("AllowedMethods", ["GET", "HEAD"]))
    if missing:
        yield f"refuses {sorted(missing)}"
    forwarded = behavior.get("OriginRequestPolicyId")
    if methods - {"GET"}:
        if behavior.get("CachePolicyId") != CACHING_DISABLED:
            yield "caches what takes writes"
        if forwarded != ALL_VIEWER_EXCEPT_HOST:
            yield "does not send the token (Authorization) and the body's type on"
    elif behavior.get("CachePolicyId") != ref("AsTheOriginSays") and SHARED.match(route):
        yield "does not cache"
    if SHARED.match(route) and behavior.get("TargetOriginId") not in groups:
        yield "has no second region within the same request"
    events = {(f.get("EventType"), repr(f.get("FunctionARN"))) for f in behavior.get("FunctionAssociations", [])}
    wanted = (
        {("viewer-request", repr({"Fn::GetAtt": ["Canonical", "FunctionARN"]}))} if route.endswith("/nearby") else set()
    )
    if events != wanted:
        yield f"runs the functions {sorted(events)}, not {sorted(wanted)}"


@rule
def every_route_arrives(bundle: Bundle) -> Iterator[Finding]:
    for template, name, config in configs(bundle):
        groups = {group.get("Id") for group in as_list(dig(config, "OriginGroups", "Items"))}
        faults: dict[str, str] = {}
        for route, methods in routes().items():
            for path in paths(route):
                behavior = behavior_for(config, path)
                for fault in behavior_faults(behavior, route, methods, groups):
                    faults.setdefault(f"{behavior.get('PathPattern', 'default')} {fault}", path)
        for fault, path in faults.items():
            yield Finding(template, name, f"{path}: {fault}")
