"""The templates and the command that deploys them: what one asks for, the other gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cellar_infra import render
from cellar_infra.checks.model import Bundle, Finding, rule
from cellar_infra.deploy.config import Config
from cellar_infra.deploy.stacks import Output, Stack, steps

REGIONS = ("eu-west-1", "us-east-1", "ap-southeast-1", "us-west-2")


def example(regions: tuple[str, ...]) -> Config:
    """A deployment like the one in docs/OPERATIONS.md."""
    certificates = {region: f"arn:aws:acm:{region}:123456789012:certificate/c" for region in regions}
    return Config(
        name="cellar",
        domain="places.example.com",
        zone="Z0123456789ABC",
        email="ops@example.com",
        regions=regions,
        edge_certificate="arn:aws:acm:us-east-1:123456789012:certificate/c",
        certificates=certificates,
        code=Path("bootstrap.zip"),
        imports=True,
    )


@rule
def parameters_are_given(bundle: Bundle) -> Iterator[Finding]:
    used: set[str] = set()
    for step in steps(example(REGIONS)):
        if not isinstance(step, Stack):
            continue
        used.add(step.template)
        known = bundle.sources.get(step.template, {}).get("Parameters", {})
        for name in step.parameters:
            if name not in known:
                yield Finding(step.template, "Parameters", f"infra/deploy gives {name}, which is none")
        for name, spec in known.items():
            if "Default" not in spec and name not in step.parameters:
                yield Finding(step.template, f"Parameters {name}", "has no default, and infra/deploy does not give it")
    for unused in sorted(set(bundle.sources) - used):
        yield Finding(unused, "", "is deployed by nobody")


@rule
def outputs_come_before_they_are_needed(bundle: Bundle) -> Iterator[Finding]:
    for count in (1, 2, 4):
        made: set[tuple[str, str]] = set()
        for step in steps(example(REGIONS[:count])):
            if isinstance(step, Stack):
                yield from _needs(bundle, step, made)
                made.add((step.template, step.region))


def _needs(bundle: Bundle, step: Stack, made: set[tuple[str, str]]) -> Iterator[Finding]:
    for name, value in step.parameters.items():
        if not isinstance(value, Output):
            continue
        if (value.template, value.region) not in made:
            yield Finding(step.template, name, f"needs {value} before that is there")
        if value.name not in bundle.sources.get(value.template, {}).get("Outputs", {}):
            yield Finding(value.template, "Outputs", f"lacks {value.name}, which {step.template} needs")


@rule
def failed_creations_leave_nothing(bundle: Bundle) -> Iterator[Finding]:
    """`Retain` keeps what a creation that failed had made, and the next try meets its name."""
    for template, document in bundle.sources.items():
        for name, resource in document.get("Resources", {}).items():
            if resource.get("DeletionPolicy") == "Retain":
                yield Finding(template, name, "must be RetainExceptOnCreate, or a failed deployment cannot be repeated")


@rule
def templates_fit(bundle: Bundle) -> Iterator[Finding]:
    for name in bundle.sources:
        size = len(render.render(name).encode()) if name in render.names() else 0
        if size > render.MOST_TEMPLATE_BYTES:
            yield Finding(
                name, "", f"has {size} bytes; CloudFormation takes {render.MOST_TEMPLATE_BYTES} without a bucket"
            )
