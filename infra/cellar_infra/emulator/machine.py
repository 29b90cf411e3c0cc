"""An emulator of AWS on a free port, and programs that use it through the real AWS CLI."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

from cellar_infra.render import REPOSITORY

ACCOUNT = "123456789012"
HOME, SECOND, THIRD = "eu-west-1", "us-east-1", "us-west-2"
STARTING_S = 60


class Machine:
    """The emulator with an empty account, a zone, certificates, and a settings file."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.config, self.failures = folder / "places.toml", folder / "fail"
        self.failures.write_text("")
        here = Path(sys.executable).parent
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
            "PATH": f"{here}{os.pathsep}{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_DEFAULT_REGION": HOME,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Machine:
        env = self.env | {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "CELLAR_EMULATOR_FAIL": str(self.failures),
            "PYTHONPATH": str(REPOSITORY / "infra"),
            "TMPDIR": str(self.folder),
        }
        command = [sys.executable, "-m", "cellar_infra.emulator.serve"]
        with (self.folder / "emulator.log").open("wb") as log:
            self.server = subprocess.Popen(command, env=env, cwd=self.folder, stdout=log, stderr=subprocess.STDOUT)
        self._until_it_answers()
        return self

    def __exit__(self, *_: object) -> None:
        if self.server:
            self.server.terminate()
            self.server.wait()

    def _until_it_answers(self) -> None:
        for _ in range(STARTING_S * 10):
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.server is None or self.server.poll() is not None:
                break
            time.sleep(0.1)
        raise SystemExit(f"the emulator does not start:\n{(self.folder / 'emulator.log').read_text()[-2000:]}")

    def aws(self, *arguments: str) -> Any:
        """The real CLI; the JSON of its answer."""
        command = ["aws", *arguments, "--output", "json"]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=True)
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def deploy(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """infra/deploy, as somebody runs it."""
        return subprocess.run(
            self.command(*arguments), env=self.env | more, capture_output=True, text=True, check=False
        )

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(REPOSITORY / "infra/deploy"), *arguments, "--config", str(self.config)]

    def fail_at(self, stack: str, resource: str) -> None:
        """This resource fails once."""
        self.failures.write_text(f"{stack} {resource}")

    def settle_in(self) -> None:
        """What a deployment needs beforehand: a zone, certificates, the function's code."""
        made = self.aws("route53", "create-hosted-zone", "--name", "example.com", "--caller-reference", "1")
        self.zone = made["HostedZone"]["Id"].rsplit("/", 1)[-1]
        self.certificates = {
            region: self._certificate(region, "*.places.example.com") for region in (HOME, SECOND, THIRD)
        }
        self.edge_certificate = self._certificate("us-east-1", "places.example.com")
        with zipfile.ZipFile(self.folder / "bootstrap.zip", "w") as package:
            package.writestr("bootstrap", b"\x7fELF" + bytes(14) + (0xB7).to_bytes(2, "little"))
        self.regions(HOME, SECOND)

    def _certificate(self, region: str, name: str) -> str:
        return self.aws("acm", "request-certificate", "--region", region, "--domain-name", name)["CertificateArn"]

    def smallest(self) -> None:
        """The settings that `infra/deploy init` writes, and imports."""
        self.config.unlink()
        done = self.deploy("init", "--email", "ops@example.com")
        if done.returncode != 0:
            raise SystemExit(f"infra/deploy init: {done.stderr}")
        importer = f'imports = true\nimporter = "{self.folder / "bootstrap.zip"}"\n'
        self.config.write_text(importer + self.config.read_text())

    def regions(self, *regions: str) -> None:
        """The settings, with these regions."""
        listed = "\n".join(f'{region} = "{arn}"' for region, arn in self.certificates.items())
        self.config.write_text(
            f'domain = "places.example.com"\nzone = "{self.zone}"\nemail = "ops@example.com"\n'
            f'regions = {json.dumps(regions)}\nedge_certificate = "{self.edge_certificate}"\n'
            f'code = "{self.folder / "bootstrap.zip"}"\n[certificates]\n{listed}\n'
        )


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
