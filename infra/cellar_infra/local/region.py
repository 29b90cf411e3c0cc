"""A region: a table, a shared cache and a server."""

from __future__ import annotations

import json
import signal
import urllib.error
import urllib.request
from pathlib import Path

from cellar_infra.local.processes import Program, free_port, listens, until
from cellar_infra.local.table import TABLE


class Region:
    """What users reach at `url`, and the replicator at `endpoint`."""

    def __init__(self, name: str, folder: Path, cellar: str, *, apart: bool = False) -> None:
        """With `apart`, the table is a process of its own, so that either can fail without the other."""
        self.name, self.folder, self.cellar, self.apart = name, folder / name, cellar, apart
        self.folder.mkdir(parents=True)
        self.port, self.redis_port = free_port(), free_port()
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
        self.redis = Program([*redis, "--dir", str(self.folder)], self.folder / "redis.log")
        table = [cellar, "serve", "--listen", "127.0.0.1:0", "--data", str(self.data)]
        self.table = Program(table, self.folder / "table.log")
        self.server = self._server()
        self.released: list[Program] = []

    def _server(self, **more: str) -> Program:
        """A server at this region's port."""
        where = ["--table", TABLE, "--endpoint-url", self.endpoint] if self.apart and self.has_table() else []
        command = [self.cellar, "serve", "--listen", f"127.0.0.1:{self.port}", *(where or ["--data", str(self.data)])]
        secret = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
        return Program(
            [*command, "--redis", f"redis://127.0.0.1:{self.redis_port}"],
            self.folder / "server.log",
            {"AWS_REGION": self.name, "CELLAR_ALLOWED_HOSTS": "*", "CELLAR_WRITE_TOKEN": "", **secret, **more},
        )

    @property
    def url(self) -> str:
        """The server itself."""
        return f"http://127.0.0.1:{self.port}"

    def has_table(self) -> bool:
        """Whether the table says where it is."""
        return (self.data / "endpoint").exists()

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
        if self.apart:
            self.table.start()
            until(f"the table of {self.name}", self.has_table)
            self.server = self._server()
        self.serve()

    def serve(self) -> None:
        """Starts the server, for the first time or again."""
        self.server.start()
        until(f"the server of {self.name}", lambda: self.status("/health") == 200)

    def fail(self, how: str) -> None:
        """`kill` takes the server and its table away at once; `hang` leaves them there, without an answer; `table` the table alone.

        `force-fail` releases a server whose health fails, and that still answers.
        """
        if how == "force-fail":
            self.release(CELLAR_FORCE_FAIL="true")
        elif how == "kill":
            self.server.kill()
        else:
            self._part(how).signal(signal.SIGSTOP)

    def recover(self, how: str) -> None:
        if how == "force-fail":
            self.release()
        elif how == "kill":
            self.serve()
        else:
            self._part(how).signal(signal.SIGCONT)
            until(f"the server of {self.name}", lambda: self.status("/health") == 200)

    def _part(self, how: str) -> Program:
        return self.table if how == "table" else self.server

    def release(self, **variables: str) -> None:
        """Starts another server beside the one there is and leads to it: as a new version of a function. The old one ends with the region."""
        self.released.append(self.server)
        old, self.port = self.port, free_port()
        server, new = self._server(**variables), self.port
        self.port = old
        server.start()
        until(f"the new server of {self.name}", lambda: listens(new))
        self.server, self.port = server, new

    def stop(self) -> None:
        for program in [self.server, *self.released, self.table]:
            program.stop()
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
