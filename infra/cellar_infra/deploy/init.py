"""Writes the settings of a smallest deployment: five questions, or flags in their place.

Invariant: nothing is overwritten, and what is written can be read: it is checked before.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cellar_infra.deploy.config import PATTERNS, REGION, ConfigError
from cellar_infra.render import REPOSITORY

DEFAULT_FILE = Path("places.toml")


@dataclass(frozen=True)
class Question:
    """What is asked, what is taken without an answer, and what is allowed."""

    key: str
    text: str
    default: str
    pattern: str
    allowed: str


QUESTIONS = (
    Question("name", "Prefix of every name in the account", "cellar", *PATTERNS["name"]),
    Question("region", "AWS region", "eu-west-1", REGION, "the name of a region, such as eu-west-1"),
    Question("email", "E-mail address that gets alarms", "", *PATTERNS["email"]),
    Question(
        "budget", "Dollars a month that you want to be warned of", "5", r"[1-9][0-9]{0,6}", "whole dollars from 1"
    ),
    Question("architecture", "Processor of the function's package", "arm64", r"arm64|x86_64", "arm64, x86_64"),
)

SETTINGS = """\
# A smallest deployment: one region behind the distribution's own name, without network and shared cache.
# docs/FIRST-DEPLOYMENT.md says how it grows; `infra/deploy --help` shows a whole one.
name = "{name}"
email = "{email}"
regions = ["{region}"]
code = "{code}"

[settings.function]
Architecture = "{architecture}"
# A new account's quota has no room for a reservation. The limits of the API bound what the function does.
ReservedConcurrency = "0"

[settings.gateway]
RateLimit = "50"
BurstLimit = "100"

[settings.table]
MaxReadUnits = "200"
MaxWriteUnits = "200"

[settings.alarms]
MonthlyBudgetUsd = "{budget}"
"""


def init(path: Path, given: dict[str, str | None], ask: Callable[[str], str] | None) -> str:
    """Writes the file and gives its text. Without `ask` nobody is there to answer: flags and defaults have to do."""
    if path.exists():
        raise ConfigError(f"{path} is there already; give --config another name")
    answers = {question.key: answer(question, given.get(question.key), ask) for question in QUESTIONS}
    text = SETTINGS.format(code=REPOSITORY / "target/lambda/bootstrap/bootstrap.zip", **answers)
    try:
        path.write_text(text)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error
    return text


def answer(question: Question, given: str | None, ask: Callable[[str], str] | None) -> str:
    """What was given, else what is answered, else the default; asked again until it is allowed."""
    while True:
        shown = f" [{question.default}]" if question.default else ""
        said = given if given is not None else ask(f"{question.text}{shown}: ").strip() if ask else ""
        said = said or question.default
        if re.fullmatch(question.pattern, said):
            return said
        if given is not None or ask is None:
            raise ConfigError(f"--{question.key} is {said!r}; allowed: {question.allowed}")
        print(f"  allowed: {question.allowed}")
