"""Engines with DynamoDB's API that others wrote, started on free ports. Where they are installed, infra/check says."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

STARTING_S = 60

# What says where an engine is.
JARS, PYTHON, MOTO, MODULES = (
    "CELLAR_ENGINES_JARS",
    "CELLAR_ENGINES_MINISTACK",
    "CELLAR_ENGINES_MOTO",
    "CELLAR_ENGINES_NODE",
)
MINISTACK = {"BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0"}


@dataclass(frozen=True)
class Kind:
    """An engine as it is started, and what is known of it. docs/CONFORMANCE.md shows it."""

    name: str
    version: str
    command: Callable[[int], list[str]]
    env: Callable[[int], dict[str, str]] = lambda _: {}
    # Operations that it lacks and whose answers nobody reads: the proxy answers them.
    granted: tuple[str, ...] = ()
    has_streams: bool = True


def _local(port: int) -> list[str]:
    jars = os.environ[JARS]
    main = "com.amazonaws.services.dynamodbv2.local.main.ServerRunner"
    # Without telemetry: it would tell AWS that it was started.
    more = ["-inMemory", "-disableTelemetry", "-port", str(port)]
    return ["java", "-Xmx512m", f"-Djava.library.path={jars}", "-cp", f"{jars}/*", main, *more]


def _dynalite(port: int) -> list[str]:
    program = f"{os.environ[MODULES]}/node_modules/dynalite/cli.js"
    states = [word for state in ("create", "delete", "update") for word in (f"--{state}TableMs", "0")]
    return ["node", program, "--host", "127.0.0.1", "--port", str(port), *states]


KINDS = {
    kind.name: kind
    for kind in (
        Kind("dynamodb-local", "2.6.1", _local),
        Kind(
            "ministack",
            "1.5.33",
            lambda _: [os.environ[PYTHON]],
            env=lambda port: MINISTACK | {"GATEWAY_PORT": str(port)},
        ),
        Kind("moto", "5.1.22", lambda port: [os.environ[MOTO], "-H", "127.0.0.1", "-p", str(port)]),
        Kind("dynalite", "4.0.0", _dynalite, granted=("UpdateTimeToLive",), has_streams=False),
    )
}


@dataclass
class Engine:
    """An engine that runs."""

    kind: Kind
    folder: Path
    port: int = field(default_factory=lambda: free_port())
    process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Engine:
        log = self.folder / f"{self.kind.name}.log"
        env = os.environ | self.kind.env(self.port) | {"TMPDIR": str(self.folder)}
        with log.open("wb") as output:
            command = self.kind.command(self.port)
            self.process = subprocess.Popen(
                command, env=env, cwd=self.folder, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )
        for _ in range(STARTING_S * 10):
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        self.__exit__()
        raise SystemExit(f"{self.kind.name} does not start:\n{log.read_text(errors='replace')[-2000:]}")

    def __exit__(self, *_: object) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
