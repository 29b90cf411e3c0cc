"""Rules, by topic. What cfn-lint checks is not checked again here."""

from cellar_infra.checks.rules import (
    buckets,
    cache,
    cdn,
    cdn_routes,
    doors,
    function,
    iam,
    limits,
    names,
    pages,
    schedules,
    stacks,
    table,
    url_origins,
    variables,
    watch,
)

__all__ = [
    "buckets",
    "cache",
    "cdn",
    "cdn_routes",
    "doors",
    "function",
    "iam",
    "limits",
    "names",
    "pages",
    "schedules",
    "stacks",
    "table",
    "url_origins",
    "variables",
    "watch",
]
