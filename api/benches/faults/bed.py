"""What the trials in this directory run: a table, a redis-server, servers, an edge, and proxies between them that can be put
at fault."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = 20
# Until something is well again. A Redis that has refused shows for a minute.
RECOVERY_S = 120
TOKEN = "faults-matrix-token"
EDGE = Path(__file__).resolve().parents[3] / "infra/edge/start.sh"


class Proxy:
    """Passes bytes on to a server, or does what its fault says."""

    def __init__(self) -> None:
        self.target, self.fault, self.links = 0, "none", []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def set(self, fault: str) -> None:
        """Begins a fault. One that ends connections ends those that there are, too."""
        self.fault = fault
        if fault in ("killed", "reset"):
            for link in self.links:
                reset(link)
            self.links.clear()

    def _accept(self) -> None:
        while True:
            client, _ = self.listener.accept()
            self.links = [link for link in self.links if link.fileno() >= 0]
            self.links.append(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        if self.fault == "killed":
            reset(client)
            return
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            reset(client)
            return
        self.links.append(server)
        threading.Thread(target=self._answers, args=(server, client), daemon=True).start()
        try:
            while data := client.recv(1 << 16):
                match self.fault:
                    case "never answers":
                        continue
                    case "slow":
                        time.sleep(0.3)
                    case "reset" | "killed":
                        break
                    case "garbage":
                        client.sendall(random.randbytes(200))
                        continue
                    case "refuses writes" if is_write(data):
                        client.sendall(THROTTLED)
                        continue
                server.sendall(data)
        except OSError:
            pass
        reset(client)
        reset(server)

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        try:
            while data := server.recv(1 << 16):
                client.sendall(data)
                if self.fault == "closes idle connections":
                    time.sleep(0.02)
                    client.shutdown(socket.SHUT_RDWR)
                    return
        except OSError:
            pass
        # What one side ends, the other has to hear of: a server that is killed, or an idle connection that it closes.
        reset(client)


def reset(link: socket.socket) -> None:
    try:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    try:
        link.close()
    except OSError:
        pass


def is_write(data: bytes) -> bool:
    """Of requests to a table, and of orders to an edge."""
    return re.search(rb"x-amz-target: \w+\.(PutItem|UpdateItem|DeleteItem|BatchWriteItem)|^POST /_edge", data, re.IGNORECASE) is not None


BODY = b'{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"on purpose"}'
THROTTLED = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY
)


class Server:
    """A process that says where it listens; it can be stopped, killed and started anew at the same address."""

    def __init__(self, bed: Bed, command: list[str]) -> None:
        self.bed, self.command = bed, command
        self.url, self.process = "", None
        self.start()

    def start(self) -> None:
        self.process = self.bed.spawn(self.command)
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            raise SystemExit(f"{self.command[0]} does not start: {line!r}")
        self.url = line.strip().rsplit(" ", 1)[1]

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def pause(self, paused: bool) -> None:
        os.killpg(self.process.pid, signal.SIGSTOP if paused else signal.SIGCONT)

    def resident_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


class Bed:
    """Everything that runs."""

    def __init__(self, cellar: str, directory: Path) -> None:
        self.cellar, self.directory, self.processes = cellar, directory, []
        self.proxies = {name: Proxy() for name in ("table", "Redis", "edge", "origin")}
        self.engine = Server(self, [cellar, "serve", "--listen", "127.0.0.1:0", "--data", str(directory / "data")])
        self.find_table()
        self.redis_port = free_port()
        self.redis_process = self.spawn(["redis-server", "--port", str(self.redis_port), "--save", ""])
        threading.Thread(target=self.redis_process.stdout.read, daemon=True).start()
        until(lambda: self.redis("PING"))
        self.proxies["Redis"].target = self.redis_port
        self.edge = None

    def serve(self, *more: str) -> Server:
        """A server that reaches the table and Redis through the proxies, at an address that it keeps."""
        return Server(
            self,
            [
                *(self.cellar, "serve", "--listen", f"127.0.0.1:{free_port()}", "--table", "cellar"),
                *("--endpoint-url", f"http://127.0.0.1:{self.proxies['table'].port}"),
                *("--redis", f"redis://127.0.0.1:{self.proxies['Redis'].port}", *more),
            ],
        )

    def serve_behind_an_edge(self) -> Server:
        """The same behind nginx, which it tells of changes; both ways go through proxies."""
        server = self.serve("--edge-purge", f"http://127.0.0.1:{self.proxies['edge'].port}")
        self.proxies["origin"].target = port_of(server.url)
        origin = f"http://127.0.0.1:{self.proxies['origin'].port}"
        self.edge = Server(self, [str(EDGE), "--origin", origin, "--listen", "127.0.0.1:0", "--origin-timeout", "3"])
        self.proxies["edge"].target = port_of(self.edge.url)
        return server

    def find_table(self) -> None:
        """An engine that was started anew is somewhere else."""
        endpoint = (self.directory / "data" / "endpoint").read_text()
        self.proxies["table"].target = port_of(endpoint)

    def spawn(self, command: list[str]) -> subprocess.Popen:
        env = os.environ | {
            "AWS_REGION": "local",
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "CELLAR_WRITE_TOKEN": TOKEN,
            "RUST_LOG": "error",
        }
        process = subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
        )
        self.processes.append(process)
        return process

    def fault(self, name: str, fault: str) -> None:
        """Begins a fault of the table, of Redis, of the edge (the orders of the server to it) or of the origin (the requests
        of the edge to the server)."""
        if fault == "stopped":
            self.stopped(name, True)
        elif name == "Redis" and fault == "refuses writes":
            self.redis("CONFIG", "SET", "min-replicas-to-write", "1")
        else:
            self.proxies[name].set(fault)

    def well(self, name: str) -> None:
        """Ends it."""
        self.stopped(name, False)
        self.proxies[name].set("none")
        if name == "Redis":
            until(lambda: self.redis("CONFIG", "SET", "min-replicas-to-write", "0"))

    def stopped(self, name: str, stopped: bool) -> None:
        group = {"table": self.engine.process, "Redis": self.redis_process, "edge": self.edge and self.edge.process}.get(name)
        if group:
            os.killpg(group.pid, signal.SIGSTOP if stopped else signal.SIGCONT)

    def redis(self, *words: str) -> bool:
        with socket.create_connection(("127.0.0.1", self.redis_port), timeout=5) as link:
            link.sendall((" ".join(words) + "\r\n").encode())
            return link.recv(4096)[:1] in b"+:"

    def close(self) -> None:
        for process in self.processes:
            for sign in (signal.SIGCONT, signal.SIGKILL):
                try:
                    os.killpg(process.pid, sign)
                except ProcessLookupError:
                    pass
            process.wait()


def port_of(url: str) -> int:
    return int(url.strip().rsplit(":", 1)[1])


def feature(identity: str, lat: float, lon: float, **properties: object) -> dict[str, object]:
    return {
        "type": "Feature",
        "id": identity,
        "geometry": {"type": "Point", "coordinates": [lon, lat]},
        "properties": {"name": identity, **properties},
    }


def request(url: str, method: str, path: str, body: object = None) -> tuple[int, bytes]:
    """The status and the body; 0 for none in time."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/geo+json", "authorization": f"Bearer {TOKEN}"}
    asked = urllib.request.Request(url + path, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def ask(url: str, method: str, path: str, body: object = None) -> int:
    return request(url, method, path, body)[0]


def ready(url: str) -> str:
    """What a server says of itself."""
    status, body = request(url, "GET", "/ready")
    if status != 200:
        return str(status)
    document = json.loads(body)
    return f"{document['status']}, Redis {document['cache']['redis']}"


def until(holds: Callable[[], object], patience_s: float = RECOVERY_S) -> bool:
    """Whether it holds in time."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        try:
            if holds():
                return True
        except (OSError, ValueError):
            pass
        time.sleep(0.05)
    return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
