"""The command as a user runs it, with a fake AWS CLI on the PATH."""

import io
import json
import os
import subprocess
import sys
import zipfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from cellar_infra.deploy import apply, preflight
from cellar_infra.deploy.cli import main
from tests import fake_aws

HERE = Path(__file__).resolve().parent
DEPLOY = HERE.parent / "deploy"

SETTINGS = """\
domain = "places.example.com"
zone = "Z0123456789ABC"
email = "ops@example.com"
regions = {regions}
edge_certificate = "arn:aws:acm:us-east-1:123456789012:certificate/edge"
code = "{code}"
[certificates]
eu-west-1 = "arn:aws:acm:eu-west-1:123456789012:certificate/eu"
us-east-1 = "arn:aws:acm:us-east-1:123456789012:certificate/us"
us-west-2 = "arn:aws:acm:us-west-2:123456789012:certificate/uw"
ap-southeast-1 = "arn:aws:acm:ap-southeast-1:123456789012:certificate/ap"
"""


def here(command, **_):
    """A call of the fake CLI, without a process."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            fake_aws.main(command[1:])
        except SystemExit as stopped:
            code = stopped.code
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())


class Account:
    """A fake account in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.slept = []
        self.name_servers = {"ns-1.awsdns-1.org", "ns-2.awsdns-2.co.uk"}
        self.aws = folder / "aws"
        self.aws.write_text(f"#!{sys.executable} -IS\n" + (HERE / "fake_aws.py").read_text())
        self.aws.chmod(0o755)
        self.code = folder / "bootstrap.zip"
        self.package(0xB7)
        self.config = folder / "places.toml"
        self.regions("eu-west-1", "us-east-1")

    def package(self, machine, name="bootstrap"):
        """A zip with the header of a program for a machine."""
        with zipfile.ZipFile(self.code, "w") as package:
            package.writestr(name, b"\x7fELF" + bytes(14) + machine.to_bytes(2, "little"))

    def regions(self, *regions):
        self.config.write_text(SETTINGS.format(regions=json.dumps(regions), code=self.code))

    def run(self, *arguments, leaves=""):
        """The command and the fake in this process: there are thousands of calls."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            for name, value in self.environment(leaves).items():
                patch.setenv(name, value)
            patch.setattr(subprocess, "run", here)
            patch.setattr(apply, "pause", self.slept.append)
            patch.setattr(preflight, "name_servers", self.served_by)
            try:
                code = main([*arguments, "--config", str(self.config)])
            except SystemExit as stopped:
                code = stopped.code
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())

    def served_by(self, _):
        """What a resolver says of the domain."""
        if isinstance(self.name_servers, Exception):
            raise self.name_servers
        return self.name_servers

    def run_program(self, *arguments):
        """The same as a user runs it."""
        command = [sys.executable, str(DEPLOY), *arguments, "--config", str(self.config)]
        env = {**os.environ, **self.environment("")}
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    def environment(self, leaves):
        return {"PATH": str(self.folder), "FAKE_AWS": str(self.folder), "FAIL_LEAVES": leaves}

    def fail_at(self, *texts):
        (self.folder / "fail").write_text("\n".join(texts))

    def events(self, *events):
        """What describe-stack-events says: resource, status and reason, oldest first; STACK is the stack itself."""
        (self.folder / "events").write_text(json.dumps(events))

    def answers(self, told):
        """What preflight is told, by service and command, instead of what is well."""
        (self.folder / "answers").write_text(json.dumps(told))

    def nothing_to_do(self):
        """Deployments find nothing to change from here."""
        (self.folder / "nothing").touch()

    def table(self, protected=(), replicas=()):
        """The table as DynamoDB describes it: where it is protected, and where it is."""
        state = self.state()
        state["table"] = {"protected": list(protected), "replicas": list(replicas)}
        (self.folder / "state.json").write_text(json.dumps(state))

    def calls(self):
        """All calls since this was asked last."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        path.write_text("")
        return [json.loads(line) for line in lines]

    def deployed(self):
        """Stacks deployed since this was asked last, as region/template, in order."""
        calls = [call for call in self.calls() if call[:2] == ["cloudformation", "deploy"]]
        return [
            f"{call[call.index('--region') + 1]}/{call[call.index('--stack-name') + 1].removeprefix('cellar-')}"
            for call in calls
        ]

    def state(self):
        return json.loads((self.folder / "state.json").read_text())


@pytest.fixture
def account(tmp_path):
    return Account(tmp_path)
