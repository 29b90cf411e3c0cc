"""What is there: stacks, their outputs, and what DynamoDB says of the table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cellar_infra.deploy.aws import Aws, AwsError
from cellar_infra.deploy.config import Config

# A stack in one of these was never whole; it has to go before it can be made again.
NEVER_WHOLE = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "REVIEW_IN_PROGRESS"}
STUCK = {"UPDATE_ROLLBACK_FAILED", "DELETE_FAILED"}


class StateError(Exception):
    """Something is in a state that somebody has to look at."""


@dataclass
class State:
    """Answers of AWS, each asked for once."""

    config: Config
    aws: Aws
    _stacks: dict[tuple[str, str], dict[str, Any] | None] = field(default_factory=dict)

    def stack_name(self, template: str) -> str:
        return f"{self.config.name}-{template}"

    def stack(self, template: str, region: str) -> dict[str, Any] | None:
        """A stack's description, `None` if there is none."""
        key = (template, region)
        if key not in self._stacks:
            self._stacks[key] = self._describe(template, region)
        return self._stacks[key]

    def forget(self, template: str, region: str) -> None:
        """To be asked again: the stack was changed."""
        self._stacks.pop((template, region), None)

    def _describe(self, template: str, region: str) -> dict[str, Any] | None:
        try:
            name = self.stack_name(template)
            found = self.aws.ask("cloudformation", "describe-stacks", "--stack-name", name, "--region", region)
        except AwsError as error:
            if "does not exist" in error.text:
                return None
            raise
        return found["Stacks"][0]

    def status(self, template: str, region: str) -> str:
        stack = self.stack(template, region)
        return stack["StackStatus"] if stack else "-"

    def output(self, template: str, region: str, name: str) -> str:
        stack = self.stack(template, region) or {}
        for output in stack.get("Outputs", []):
            if output["OutputKey"] == name:
                return output["OutputValue"]
        raise StateError(f"{self.stack_name(template)} in {region} has no output {name}; deploy it first")

    def parameter(self, template: str, region: str, name: str) -> str:
        stack = self.stack(template, region) or {}
        found = [p["ParameterValue"] for p in stack.get("Parameters", []) if p["ParameterKey"] == name]
        return found[0] if found else ""

    def replicas(self) -> tuple[str, ...]:
        """Regions that the table's stack has by now, home first; none if there is no stack."""
        home = self.config.home
        if self.status("table", home) in {"-"} | NEVER_WHOLE:
            return ()
        others = [self.parameter("table", home, f"Region{number}") for number in (2, 3, 4)]
        return (home, *[region for region in others if region])

    def stream(self, region: str) -> str:
        """The stream of the table's replica in a region."""
        table = self.output("table", self.config.home, "TableName")
        found = self.aws.ask("dynamodb", "describe-table", "--table-name", table, "--region", region)
        arn = found["Table"].get("LatestStreamArn")
        if not arn:
            raise StateError(f"the table {table} has no stream in {region}")
        return arn
