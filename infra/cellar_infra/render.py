"""Templates as they are deployed: files that belong into them are put in.

A template says `"{{infra/edge/function.js}}"` where the text of that file is meant. JSON strings are YAML strings, so nothing
has to understand YAML here: deploying needs Python and the AWS CLI, nothing else.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TEMPLATES = REPOSITORY / "infra" / "templates"
PLACEHOLDER = re.compile(r'"\{\{(infra/[^}"]+)\}\}"')

# The most that CloudFormation takes without a bucket, and what its ZipFile property takes.
MOST_TEMPLATE_BYTES = 51_200


class MissingFileError(Exception):
    """A template names a file that is not there."""


def names() -> list[str]:
    """All templates, without their suffix."""
    return sorted(path.stem for path in TEMPLATES.glob("*.yaml"))


def render(name: str) -> str:
    """The template as CloudFormation gets it."""
    text = (TEMPLATES / f"{name}.yaml").read_text()
    return PLACEHOLDER.sub(lambda match: json.dumps(included(name, match[1])), text)


def included(name: str, relative: str) -> str:
    """The text of a file that a template names."""
    path = REPOSITORY / relative
    if not path.is_file():
        raise MissingFileError(f"{name}.yaml names {relative}, which is not there")
    return path.read_text()
