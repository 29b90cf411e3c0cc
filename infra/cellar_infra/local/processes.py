"""Programs that are started here and end with us.

Invariant: whatever is started is ended, by its own handle.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = 60.0


class RigError(Exception):
    """The rig cannot go on; one line that says why."""


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def until(what: str, true: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Waits for a condition, asking again and again."""
    end = time.monotonic() + patience_s
    while not true():
        if time.monotonic() > end:
            raise RigError(f"{what} did not happen within {patience_s:.0f} s")
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Whether somebody takes connections at a port of loopback."""
    with socket.socket() as one:
        one.settimeout(1)
        return one.connect_ex(("127.0.0.1", port)) == 0


class Program:
    """A program that runs in the background, its words in a file."""

    def __init__(self, command: list[str], log: Path, env: dict[str, str] | None = None) -> None:
        self.command, self.log, self.env = command, log, env or {}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        try:
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **self.env}
                )
        except FileNotFoundError as error:
            raise RigError(f"there is no program {self.command[0]}; install it") from error

    def signal(self, number: signal.Signals) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)

    def kill(self) -> None:
        """Ends it without warning."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """Asks it to end, then ends it."""
        if self.process:
            self.signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
