"""What rules look at and what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Json = Any
Template = dict[str, Json]


@dataclass(frozen=True)
class Finding:
    """Something wrong, where, and what to do."""

    template: str
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.template}.yaml {self.where}: {self.text}"


@dataclass
class Bundle:
    """All templates: as written, and with SAM expanded. Intrinsic functions are in their long form."""

    sources: dict[str, Template]
    expanded: dict[str, Template] = field(default_factory=dict)

    def of_type(self, kind: str, *, expanded: bool = False) -> Iterator[tuple[str, str, Template]]:
        """Template, name and body of each resource of a type."""
        for template, document in (self.expanded if expanded else self.sources).items():
            for name, resource in document.get("Resources", {}).items():
                if resource.get("Type") == kind:
                    yield template, name, resource

    def properties(self, kind: str, *, expanded: bool = False) -> Iterator[tuple[str, str, Json]]:
        """The same, of the properties only."""
        for template, name, resource in self.of_type(kind, expanded=expanded):
            yield template, name, resource.get("Properties", {})


def resolved(value: Json, conditions: set[str], *, met: bool) -> Json:
    """The value with `!If`s of these conditions decided. What becomes `AWS::NoValue` is left out."""
    if isinstance(value, dict):
        found = value.get("Fn::If")
        if isinstance(found, list) and found[0] in conditions:
            return resolved(found[1 if met else 2], conditions, met=met)
        inner = {key: resolved(one, conditions, met=met) for key, one in value.items()}
        return {key: one for key, one in inner.items() if one != NO_VALUE or value[key] == NO_VALUE}
    if isinstance(value, list):
        pairs = [(one, resolved(one, conditions, met=met)) for one in value]
        return [new for old, new in pairs if new != NO_VALUE or old == NO_VALUE]
    return value


NO_VALUE = {"Ref": "AWS::NoValue"}
Rule = Callable[[Bundle], Iterator[Finding]]
RULES: list[Rule] = []


def rule(function: Rule) -> Rule:
    """Registers a rule."""
    RULES.append(function)
    return function


def dig(value: Json, *path: str | int) -> Json:
    """What is at a path, `None` if nothing is."""
    for step in path:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def ref(name: str) -> Json:
    """`!Ref name`."""
    return {"Ref": name}


def walk(value: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """Every value below this one, with where it is."""
    yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from walk(inner, f"{path}/{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from walk(inner, f"{path}/{index}")


def text_of(value: Json) -> str:
    """A text, or the text within `!Sub`; empty for anything else."""
    if isinstance(value, dict) and "Fn::Sub" in value:
        value = value["Fn::Sub"]
        value = value[0] if isinstance(value, list) else value
    return value if isinstance(value, str) else ""


def as_list(value: Json) -> list[Json]:
    """A list of one or of many."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
