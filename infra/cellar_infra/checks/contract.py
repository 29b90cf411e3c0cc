"""What the templates have to agree with: the API's contract, as `cellar contract --json` prints it."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

# The file that holds what `cellar contract --json` printed; infra/check writes it.
FILE = "CELLAR_CONTRACT"
# The Lambda function, among the programs that read variables.
FUNCTION = "bootstrap"
# The worker that imports files.
IMPORTER = "importer"


class NoContractError(Exception):
    """There is no contract to compare with."""


@cache
def contract() -> dict[str, Any]:
    """All of it."""
    path = os.environ.get(FILE)
    if not path:
        raise NoContractError(f"set {FILE} to a file of what `cellar contract --json` prints, or run infra/check")
    return json.loads(Path(path).read_text())


def routes() -> dict[str, frozenset[str]]:
    """Paths of the router with the methods that they take."""
    return {route["path"]: frozenset(route["methods"]) for route in contract()["routes"]}


def variables(program: str = FUNCTION) -> frozenset[str]:
    """Variables of ours that a program reads, by default the Lambda function."""
    read = {variable["name"] for variable in contract()["variables"] if program in variable["read_by"]}
    return frozenset(name for name in read if name.startswith("CELLAR_"))
