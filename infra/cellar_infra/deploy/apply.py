"""Carries out the steps, one after the other.

Invariant: every step can be repeated. What failed is started again from the beginning and passes over what is done.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cellar_infra import render
from cellar_infra.deploy import code, failure
from cellar_infra.deploy.aws import Aws, AwsError
from cellar_infra.deploy.config import Config
from cellar_infra.deploy.stacks import (
    CodeHash,
    CodeKey,
    Output,
    Remove,
    Settle,
    Stack,
    Step,
    StreamOf,
    Upload,
    Value,
    steps,
)
from cellar_infra.deploy.state import NEVER_WHOLE, STUCK, State, StateError

# `aws cloudformation deploy` names its change sets so, and leaves those that are empty or refused.
CHANGE_SET_PREFIX = "awscli-cloudformation-package-deploy-"
NOTHING_TO_DO = "No changes to deploy"
SHORTEST_WAIT_S = 1
LONGEST_WAIT_S = 30


@dataclass
class Deployment:
    """A deployment under way."""

    config: Config
    aws: Aws

    def __post_init__(self) -> None:
        self.state = State(self.config, self.aws)

    @cached_property
    def folder(self) -> Path:
        """Where templates are written; made when the first one is."""
        return Path(tempfile.mkdtemp(prefix="cellar-deploy."))

    def close(self) -> None:
        if "folder" in vars(self):
            shutil.rmtree(self.folder, ignore_errors=True)

    @cached_property
    def code_hash(self) -> str:
        return code.checked_hash(self.config)

    @cached_property
    def importer_hash(self) -> str:
        return code.checked_hash(self.config, "importer")

    def plan(self) -> list[Step]:
        """All steps from here; without asking AWS in a dry run, as for a first deployment."""
        return steps(self.config, () if self.aws.dry else self.state.replicas())

    def run(self) -> None:
        if not self.aws.dry:
            # What is wrong with code is said before anything is changed.
            _ = self.code_hash, self.config.imports and self.importer_hash
        plan = self.plan()
        for number, step in enumerate(plan, start=1):
            print(f"[{number}/{len(plan)}] {title(step)}", file=sys.stdout if self.aws.dry else sys.stderr, flush=True)
            match step:
                case Upload():
                    self.upload(step)
                case Stack():
                    self.deploy(step)
                case Remove():
                    self.remove(step.template, step.region)
                case Settle():
                    self.settle(step)

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
            case CodeKey("importer"):
                return f"{self.importer_hash}.zip"
            case CodeKey():
                return f"{self.code_hash}.zip"
            case CodeHash():
                return self.code_hash

    def upload(self, step: Upload) -> None:
        bucket = self.value(Output("artifacts", step.region, "Bucket"))
        key = self.value(CodeKey(step.program))
        path = self.config.importer if step.program == "importer" else self.config.code
        if not self.aws.dry and self._is_there(bucket, key, step.region):
            return
        self.aws.change("s3", "cp", str(path), f"s3://{bucket}/{key}", "--region", step.region, "--only-show-errors")

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
        told = ""
        try:
            told = self.aws.change(*self.command(step))
        except AwsError as error:
            raise self.explained(error, step.template, step.region) from error
        if NOTHING_TO_DO in told:
            self.sweep(step)
        self.state.forget(step.template, step.region)

    def explained(self, error: Exception, template: str, region: str) -> Exception:
        """The error with the first reasons of the stack's events, if there are any."""
        found = failure.reasons(self.aws, self.state.stack_name(template), template, region)
        if not found:
            return error
        return StateError("\n  ".join([f"{self.state.stack_name(template)} in {region} failed:", *found]))

    def sweep(self, step: Stack) -> None:
        """Deletes change sets that the CLI made and could not use: each redeployment without changes leaves one."""
        where = ("--stack-name", self.state.stack_name(step.template), "--region", step.region)
        for one in self.aws.ask("cloudformation", "list-change-sets", *where).get("Summaries", []):
            if one["ChangeSetName"].startswith(CHANGE_SET_PREFIX) and one.get("Status") == "FAILED":
                name = ("--change-set-name", one["ChangeSetName"])
                self.aws.change("cloudformation", "delete-change-set", *name, *where)

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
            self.delete(step.template, step.region)
        elif status.endswith("_IN_PROGRESS"):
            self.wait(step.template, step.region)
        self.state.forget(step.template, step.region)

    def remove(self, template: str, region: str) -> None:
        """A stack that is there goes; one that is gone is passed over."""
        name, status = self.state.stack_name(template), "" if self.aws.dry else self.state.status(template, region)
        if status == "-":
            return
        if status in STUCK - {"DELETE_FAILED"}:
            raise StateError(f"{name} in {region} is {status}: see its events in CloudFormation, repair, and run again")
        print(f"{region}: delete stack {template}", file=sys.stderr)
        self.delete(template, region)

    def delete(self, template: str, region: str) -> None:
        """Deletes a stack and waits until it is gone."""
        self.aws.change(
            "cloudformation", "delete-stack", "--stack-name", self.state.stack_name(template), "--region", region
        )
        self.wait(template, region, gone=True)

    def wait(self, template: str, region: str, *, gone: bool = False) -> None:
        """Until CloudFormation is done with a stack. The CLI would wait half a minute between two questions from the start."""
        seconds = SHORTEST_WAIT_S
        while not self.aws.dry:
            self.state.forget(template, region)
            status = self.state.status(template, region)
            if status.endswith("_FAILED"):
                error = StateError(f"{self.state.stack_name(template)} in {region} is {status}")
                raise self.explained(error, template, region)
            if status == "-" or not (gone or status.endswith("_IN_PROGRESS")):
                return
            pause(seconds)
            seconds = min(2 * seconds, LONGEST_WAIT_S)

    def settle(self, step: Settle) -> None:
        """Resolvers go on leading users to a region for as long as they may keep its records."""
        if self.aws.dry:
            print(f"  # wait {step.seconds} s")
        elif self.state.status("gateway", step.region) != "-":
            pause(step.seconds)


def pause(seconds: float) -> None:
    """Waits, for what no command of the CLI waits for."""
    time.sleep(seconds)


def title(step: Step) -> str:
    """What a step is, for people."""
    match step:
        case Upload(program="importer"):
            return f"{step.region}: upload the importer's code"
        case Upload():
            return f"{step.region}: upload the function's code"
        case Remove():
            return f"{step.region}: stack {step.template} goes"
        case Settle():
            return f"{step.region}: {step.seconds} s, until resolvers have forgotten it"
        case Stack():
            return f"{step.region}: stack {step.template}"
