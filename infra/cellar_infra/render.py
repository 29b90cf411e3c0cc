"""Templates as they are deployed: files that belong into them are put in.

A template says `"{{infra/edge/function.js}}"` where the text of that file is meant, and
`"{{infra/edge/function.js MAX_RADIUS_M=MaxRadiusM}}"` where the value of a constant in it is a parameter of the template. JSON
is YAML, so nothing has to understand YAML here: deploying needs Python and the AWS CLI, nothing else.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TEMPLATES = REPOSITORY / "infra" / "templates"
PLACEHOLDER = re.compile(r'"\{\{(?P<file>infra/[^}" ]+)(?: (?P<constant>\w+)=(?P<parameter>\w+))?\}\}"')

# The most that CloudFormation takes without a bucket, and what its ZipFile property takes.
MOST_TEMPLATE_BYTES = 51_200


class RenderError(Exception):
    """A template names what is not there."""


def names() -> list[str]:
    """All templates, without their suffix."""
    return sorted(path.stem for path in TEMPLATES.glob("*.yaml"))


def render(name: str) -> str:
    """The template as CloudFormation gets it."""
    text = (TEMPLATES / f"{name}.yaml").read_text()
    return PLACEHOLDER.sub(lambda match: _included(name, match), text)


def _included(name: str, match: re.Match[str]) -> str:
    """The text of a file that a template names, as JSON; joined with a parameter if it has one."""
    path = REPOSITORY / match["file"]
    if not path.is_file():
        raise RenderError(f"{name}.yaml names {match['file']}, which is not there")
    text = path.read_text()
    if match["constant"] is None:
        return json.dumps(text)
    around = around_constant(text, match["constant"])
    if around is None:
        raise RenderError(f"{name}.yaml sets {match['constant']}, which is no constant with a line in {match['file']}")
    before, after = around
    return json.dumps({"Fn::Join": ["", [before, {"Ref": match["parameter"]}, after]]})


def around_constant(script: str, constant: str) -> tuple[str, str] | None:
    """What stands before and after the value of a constant in JavaScript that has a line of its own."""
    found = list(re.finditer(rf"^const {constant} = ([^;\n]+);$", script, re.MULTILINE))
    if len(found) != 1:
        return None
    return script[: found[0].start(1)], script[found[0].end(1) :]
