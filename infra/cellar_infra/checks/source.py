"""What the templates have to agree with: the API's own source."""

from __future__ import annotations

import re
from functools import cache

from cellar_infra.render import REPOSITORY

SOURCES = ("api/src", "cache/src")


@cache
def rust() -> dict[str, str]:
    """The Rust files of the API and the cache, by path."""
    return {
        str(path.relative_to(REPOSITORY)): path.read_text()
        for folder in SOURCES
        for path in sorted((REPOSITORY / folder).rglob("*.rs"))
    }


@cache
def constant(file: str, name: str) -> str:
    """The text of a `const NAME: &str = "…"`."""
    found = re.search(rf'const {name}: &str = "([^"]*)"', rust()[file])
    if not found:
        raise LookupError(f"{file} has no text constant {name}")
    return found[1]


@cache
def variables() -> frozenset[str]:
    """Every variable that the API may read: names in quotes outside of tests."""
    names: set[str] = set()
    for text in rust().values():
        code = text.split("#[cfg(test)]")[0]
        names |= set(re.findall(r'"(CELLAR_[A-Z0-9_]+)"', code))
    return frozenset(names)


@cache
def routes() -> tuple[tuple[str, frozenset[str]], ...]:
    """Paths of the router with the methods that they take."""
    text = rust()["api/src/router.rs"].split("#[cfg(test)]")[0]
    found = re.findall(r'"(/[^"]*)",\s*(.*?)(?="/|\bfn )', text, re.DOTALL)
    return tuple((path, methods(chain)) for path, chain in found)


def methods(chain: str) -> frozenset[str]:
    """HTTP methods of `methods().get(…).put(…)` or of `get(…)`."""
    named = {name.upper() for name in re.findall(r"\.(get|put|post|delete|patch)\(", chain)}
    return frozenset(named or {"GET"})


@cache
def function_variables() -> frozenset[str]:
    """Variables of what the Lambda function runs: read anywhere but in the command line."""
    names: set[str] = set()
    for path, text in rust().items():
        if not path.startswith("api/src/cli/"):
            names |= set(re.findall(r'"(CELLAR_[A-Z0-9_]+)"', text.split("#[cfg(test)]")[0]))
    return frozenset(names)
