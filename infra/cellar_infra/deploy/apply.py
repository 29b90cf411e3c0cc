"""Carries out the steps, one after the other.

Invariant: every step can be repeated. What failed is started again from the beginning and passes over what is done.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cellar_infra import render
from cellar_infra.deploy import code
from cellar_infra.deploy.aws import Aws, AwsError
from cellar_infra.deploy.config import Config
from cellar_infra.deploy.stacks import CodeHash, CodeKey, Output, Stack, Step, StreamOf, Upload, Value, steps
from cellar_infra.deploy.state import NEVER_WHOLE, STUCK, State, StateError


@dataclass
class Deployment:
    """A deployment under way."""

    config: Config
    aws: Aws

    def __post_init__(self) -> None:
        self.state = State(self.config, self.aws)
        self.folder = Path(tempfile.mkdtemp(prefix="cellar-deploy."))

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    @cached_property
    def code_hash(self) -> str:
        return code.checked_hash(self.config)

    def plan(self) -> list[Step]:
        """All steps from here; without asking AWS in a dry run, as for a first deployment."""
        return steps(self.config, () if self.aws.dry else self.state.replicas())

    def run(self) -> None:
        if not self.aws.dry:
            _ = self.code_hash  # What is wrong with it is said before anything is changed.
        plan = self.plan()
        for number, step in enumerate(plan, start=1):
            print(f"[{number}/{len(plan)}] {title(step)}", file=sys.stdout if self.aws.dry else sys.stderr, flush=True)
            if isinstance(step, Upload):
                self.upload(step)
            else:
                self.deploy(step)

    def value(self, value: Value) -> str:
        """A parameter's value now; in a dry run what it will be."""
        if isinstance(value, str):
            return value
        if self.aws.dry:
            return str(value)
        match value:
            case Output():
                return self.state.output(value.template, value.region, value.name)
            case StreamOf():
                return self.state.stream(value.region)
            case CodeKey():
                return f"{self.code_hash}.zip"
            case CodeHash():
                return self.code_hash

    def upload(self, step: Upload) -> None:
        bucket = self.value(Output("artifacts", step.region, "Bucket"))
        key = self.value(CodeKey())
        if not self.aws.dry and self._is_there(bucket, key, step.region):
            return
        self.aws.change(
            "s3", "cp", str(self.config.code), f"s3://{bucket}/{key}", "--region", step.region, "--only-show-errors"
        )

    def _is_there(self, bucket: str, key: str, region: str) -> bool:
        try:
            self.aws.ask("s3api", "head-object", "--bucket", bucket, "--key", key, "--region", region)
        except AwsError as error:
            if "404" in error.text or "Not Found" in error.text:
                return False
            raise
        return True

    def deploy(self, step: Stack) -> None:
        if not self.aws.dry:
            self.make_way(step)
        self.aws.change(*self.command(step))
        self.state.forget(step.template, step.region)

    def command(self, step: Stack, *more: str) -> list[str]:
        """`aws cloudformation deploy`, which creates, updates, or finds nothing to do."""
        template = self.folder / f"{step.template}.yaml"
        template.write_text(render.render(step.template))
        shown = f"<infra/templates/{step.template}.yaml with its files>" if self.aws.dry else str(template)
        parameters = [f"{name}={self.value(value)}" for name, value in step.parameters.items()]
        return [
            *(
                "cloudformation",
                "deploy",
                "--stack-name",
                self.state.stack_name(step.template),
                "--region",
                step.region,
            ),
            *("--template-file", shown, "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"),
            *("--no-fail-on-empty-changeset", "--tags", f"cellar={self.config.name}", *more),
            *(["--parameter-overrides", *parameters] if parameters else []),
        ]

    def make_way(self, step: Stack) -> None:
        """A stack that never became whole is deleted; one that is stuck is for somebody to look at."""
        name, status = self.state.stack_name(step.template), self.state.status(step.template, step.region)
        if status in STUCK:
            raise StateError(
                f"{name} in {step.region} is {status}: see its events in CloudFormation, repair, and run this again"
            )
        if status in NEVER_WHOLE:
            self.aws.change("cloudformation", "delete-stack", "--stack-name", name, "--region", step.region)
            wait(self.aws, "stack-delete-complete", name, step.region)
        elif status.endswith("_IN_PROGRESS"):
            wait(
                self.aws, "stack-update-complete" if "UPDATE" in status else "stack-create-complete", name, step.region
            )
        self.state.forget(step.template, step.region)


def wait(aws: Aws, what: str, name: str, region: str) -> None:
    """Until CloudFormation is done; the CLI polls."""
    aws.change("cloudformation", "wait", what, "--stack-name", name, "--region", region)


def title(step: Step) -> str:
    """What a step is, for people."""
    if isinstance(step, Upload):
        return f"{step.region}: upload the function's code"
    return f"{step.region}: stack {step.template}"
