"""A region: a table, a shared cache and a server."""

from __future__ import annotations

import json
import signal
import urllib.error
import urllib.request
from pathlib import Path

from cellar_infra.local.processes import Program, free_port, listens, until


class Region:
    """What users reach at `url`, and the replicator at `endpoint`."""

    def __init__(self, name: str, folder: Path, cellar: str) -> None:
        self.name, self.folder = name, folder / name
        self.folder.mkdir(parents=True)
        self.port, self.redis_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        redis = [
            "redis-server",
            "--port",
            str(self.redis_port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        serve = [
            cellar,
            "serve",
            "--listen",
            f"127.0.0.1:{self.port}",
            "--data",
            str(self.data),
            "--redis",
            f"redis://127.0.0.1:{self.redis_port}",
        ]
        self.redis = Program([*redis, "--dir", str(self.folder)], self.folder / "redis.log")
        self.server = Program(serve, self.folder / "server.log", {"AWS_REGION": name, "CELLAR_WRITE_TOKEN": ""})

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def endpoint(self) -> str:
        """Where the table is; another one after a restart."""
        return (self.data / "endpoint").read_text().strip()

    def start(self) -> None:
        self.redis.start()
        until(f"redis of {self.name}", lambda: listens(self.redis_port))
        self.serve()

    def serve(self) -> None:
        """Starts the server, for the first time or again."""
        self.server.start()
        until(f"the server of {self.name}", lambda: self.status("/health") == 200)

    def fail(self, how: str) -> None:
        """`kill` takes the server and its table away at once; `hang` leaves it there, without an answer: a partition."""
        if how == "hang":
            self.server.signal(signal.SIGSTOP)
        else:
            self.server.kill()

    def recover(self, how: str) -> None:
        if how == "hang":
            self.server.signal(signal.SIGCONT)
            until(f"the server of {self.name}", lambda: self.status("/health") == 200)
        else:
            self.serve()

    def stop(self) -> None:
        self.server.stop()
        self.redis.stop()

    def status(self, path: str, timeout_s: float = 2) -> int:
        """The status of a GET, 0 for none."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=timeout_s) as answer:  # noqa: S310  (loopback)
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def body(self, path: str) -> bytes:
        """The body of a GET, empty if there is none."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:  # noqa: S310  (loopback)
                return answer.read()
        except OSError:
            return b""

    def put(self, path: str, document: object) -> int:
        """The status of a PUT."""
        body = json.dumps(document).encode()
        request = urllib.request.Request(self.url + path, body, {"content-type": "application/json"}, method="PUT")  # noqa: S310
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.status
