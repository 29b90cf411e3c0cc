"""One longest radius: of the regions' functions, of the CDN's function, and of the API that both are made for."""

from __future__ import annotations

from collections.abc import Iterator

from cellar_infra.checks.contract import FUNCTION, contract
from cellar_infra.checks.model import Bundle, Finding, Json, dig, ref, rule
from cellar_infra.checks.rules.stacks import REGIONS, example
from cellar_infra.deploy.config import MAX_RADIUS_M, MAX_RADIUS_PARAMETER, MOST_MAX_RADIUS_M
from cellar_infra.deploy.stacks import Stack, steps
from cellar_infra.render import REPOSITORY, around_constant

VARIABLE = "CELLAR_MAX_RADIUS_M"
CONSTANT = "MAX_RADIUS_M"
EDGE_FUNCTION = REPOSITORY / "infra/edge/function.js"


def code_of(bundle: Bundle, template: str, function: Json) -> str:
    """The text of a CDN's function, with the defaults of parameters in their places."""
    code = function.get("FunctionCode")
    parts = dig(code, "Fn::Join", 1)
    if not isinstance(parts, list):
        return str(code)
    parameters = bundle.sources[template].get("Parameters", {})
    return str(dig(code, "Fn::Join", 0)).join(
        str(dig(parameters, part["Ref"], "Default")) if isinstance(part, dict) and "Ref" in part else str(part)
        for part in parts
    )


@rule
def both_functions_take_the_parameter(bundle: Bundle) -> Iterator[Finding]:
    parameter = ref(MAX_RADIUS_PARAMETER)
    around = around_constant(EDGE_FUNCTION.read_text(), CONSTANT)
    for template, name, function in bundle.properties("AWS::CloudFront::Function"):
        if around is None or function.get("FunctionCode") != {"Fn::Join": ["", [around[0], parameter, around[1]]]}:
            yield Finding(template, name, f"{CONSTANT} in its code must be the parameter {MAX_RADIUS_PARAMETER}")
    for template, name, function in bundle.properties("AWS::Serverless::Function"):
        variables = dig(function, "Environment", "Variables") or {}
        if "CELLAR_TABLE" in variables and variables.get(VARIABLE) != parameter:
            yield Finding(template, f"{name} {VARIABLE}", f"must be the parameter {MAX_RADIUS_PARAMETER}")


@rule
def the_parameter_is_that_of_the_api(bundle: Bundle) -> Iterator[Finding]:
    for known in contract()["variables"]:
        if known["name"] != VARIABLE or FUNCTION not in known["read_by"]:
            continue
        if (known["default"], known["allowed"]) != (str(MAX_RADIUS_M), f"1 to {MOST_MAX_RADIUS_M}"):
            yield Finding(
                "edge", VARIABLE, f"the API has {known['default']} of {known['allowed']}, infra/deploy others"
            )
    wanted = (MAX_RADIUS_M, 1, MOST_MAX_RADIUS_M)
    for template in ("edge", "function"):
        spec = dig(bundle.sources[template], "Parameters", MAX_RADIUS_PARAMETER) or {}
        found = tuple(spec.get(key) for key in ("Default", "MinValue", "MaxValue"))
        if found != wanted:
            yield Finding(template, MAX_RADIUS_PARAMETER, f"default, least and most are {found}; needed: {wanted}")


@rule
def a_deployment_gives_one_value(_: Bundle) -> Iterator[Finding]:
    stacks = [step for step in steps(example(REGIONS)) if isinstance(step, Stack)]
    given = {step.parameters.get(MAX_RADIUS_PARAMETER) for step in stacks if step.template in ("edge", "function")}
    if given != {str(MAX_RADIUS_M)}:
        yield Finding(
            "edge", MAX_RADIUS_PARAMETER, f"infra/deploy gives {sorted(map(str, given))} to the two templates"
        )
