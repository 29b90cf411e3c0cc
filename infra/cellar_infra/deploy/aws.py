"""The AWS CLI, as a function.

Invariant: nothing here changes anything without being asked to; a dry run never starts the CLI.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any


class AwsError(Exception):
    """The CLI failed; its own words, in one line."""

    def __init__(self, command: list[str], text: str) -> None:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        super().__init__(f"`{shlex.join(command[:3])}` failed: {' '.join(lines[-3:]) or 'without a word'}")
        self.text = text


@dataclass
class Aws:
    """Runs the CLI, or with `dry` prints what it would run."""

    dry: bool = False
    program: str = "aws"
    printed: list[str] = field(default_factory=list)

    def change(self, *arguments: str) -> str:
        """A call that changes something."""
        command = [self.program, *arguments]
        if self.dry:
            self.printed.append(shlex.join(command))
            print(f"  {shlex.join(command)}")
            return ""
        return self._run(command)

    def ask(self, *arguments: str) -> Any:
        """A call that reads: the JSON of its answer."""
        command = [self.program, *arguments, "--output", "json"]
        text = self._run(command)
        return json.loads(text) if text.strip() else {}

    def version(self) -> str:
        """What the CLI says of itself."""
        return self._run([self.program, "--version"])

    def _run(self, command: list[str]) -> str:
        try:
            result = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise AwsError(command, f"there is no program `{self.program}`; install the AWS CLI, version 2") from error
        if result.returncode != 0:
            raise AwsError(command, result.stderr or result.stdout)
        if result.stderr.strip():
            print(result.stderr.rstrip(), file=sys.stderr)
        return result.stdout
