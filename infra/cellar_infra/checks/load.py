"""YAML with CloudFormation's tags, and the expansion of SAM."""

from __future__ import annotations

import copy
import logging
import os
from typing import Any

import yaml
from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform

from cellar_infra import render
from cellar_infra.checks.model import Bundle, Template

# Values that stand in for parameters without a default while SAM is expanded.
STAND_INS = {"CodeSha256": "0" * 64, "StreamArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/t/stream/1"}


class _Loader(yaml.SafeLoader):
    pass


def _long_form(loader: _Loader, suffix: str, node: yaml.Node) -> Any:
    key = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    else:
        raise TypeError(f"{suffix} of a {type(node).__name__}")
    return {key: value}


_Loader.add_multi_constructor("!", _long_form)


def parse(text: str) -> Template:
    """A template from its text."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506  (a SafeLoader with tags)


class _NoPolicies(ManagedPolicyLoader):
    """Our roles name their policies in full, so nothing has to be asked of AWS."""

    def __init__(self) -> None:
        super().__init__(None)

    def load(self) -> dict[str, str]:
        return {}


def expand(template: Template) -> Template:
    """What CloudFormation makes of a template with SAM in it."""
    if "Transform" not in template:
        return template
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    values = {
        name: spec.get("Default", STAND_INS.get(name, f"a-{name.lower()}"))
        for name, spec in template["Parameters"].items()
    }
    return transform(copy.deepcopy(template), values, _NoPolicies())


def bundle() -> Bundle:
    """All templates as they are on disk."""
    sources = {name: parse(render.render(name)) for name in render.names()}
    return Bundle(sources, {name: expand(template) for name, template in sources.items()})


def with_template(before: Bundle, name: str, template: Template) -> Bundle:
    """The same with one template in place of another, or in addition."""
    return Bundle({**before.sources, name: template}, {**before.expanded, name: expand(template)})
