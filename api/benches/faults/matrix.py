#!/usr/bin/env python3
"""What users see while something that the server depends on is at fault: the table of docs/RELIABILITY.md.

Starts an embedded engine as the table, a redis-server, and a `cellar serve` that reaches both through proxies which this script
puts at fault, one fault at a time. Needs redis-server on the PATH, and nothing else.

    cargo build --release --bin cellar
    api/benches/faults/matrix.py target/release/cellar > table.md
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path

REQUESTS = 12
PATIENCE_S = 20
# Long enough for memory not to be trusted any more.
SETTLE_S = 12
TOKEN = "faults-matrix-token"


class Proxy:
    """Passes bytes on to a server, or does what its fault says."""

    def __init__(self, port: int) -> None:
        self.target, self.fault, self.links = port, "none", []
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


def reset(link: socket.socket) -> None:
    try:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.close()
    except OSError:
        pass


def is_write(data: bytes) -> bool:
    """Of requests to a table."""
    return re.search(rb"x-amz-target: \w+\.(PutItem|UpdateItem|DeleteItem|BatchWriteItem)", data, re.IGNORECASE) is not None


BODY = b'{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"on purpose"}'
THROTTLED = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY
)


class Bed:
    """Everything that runs, and requests to it."""

    def __init__(self, cellar: str, directory: Path) -> None:
        self.cellar, self.directory, self.processes = cellar, directory, []
        self.number = 0
        engine = self.start([cellar, "serve", "--listen", "127.0.0.1:0", "--data", str(directory / "data")])
        endpoint = int((directory / "data" / "endpoint").read_text().strip().rsplit(":", 1)[1])
        self.fill(engine)
        self.redis_port = free_port()
        self.processes.append(
            subprocess.Popen(["redis-server", "--port", str(self.redis_port), "--save", ""], stdout=subprocess.DEVNULL)
        )
        until(lambda: self.redis("PING"))
        self.proxies = {"table": Proxy(endpoint), "Redis": Proxy(self.redis_port)}
        self.server = self.start(
            [
                *(cellar, "serve", "--listen", "127.0.0.1:0", "--table", "cellar"),
                *("--endpoint-url", f"http://127.0.0.1:{self.proxies['table'].port}"),
                *("--redis", f"redis://127.0.0.1:{self.proxies['Redis'].port}"),
            ]
        )

    def start(self, command: list[str]) -> str:
        env = os.environ | {
            "AWS_REGION": "local",
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "CELLAR_WRITE_TOKEN": TOKEN,
            "RUST_LOG": "error",
        }
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.processes.append(process)
        line = process.stdout.readline()
        return line.strip().rsplit(" ", 1)[1]

    def fill(self, url: str) -> None:
        ask(url, "PUT", "/v1/collections/places", {})
        for row in range(20):
            features = [feature(f"p-{row}-{column}", row * 8 - 80, column * 7 - 170) for column in range(50)]
            ask(url, "POST", "/v1/collections/places/items", {"type": "FeatureCollection", "features": features})

    def redis(self, *words: str) -> bool:
        with socket.create_connection(("127.0.0.1", self.redis_port), timeout=5) as link:
            link.sendall((" ".join(words) + "\r\n").encode())
            return link.recv(4096)[:1] in b"+:"

    def close(self) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()

    # What is asked.

    def warm(self) -> str:
        return "/v1/collections/places/nearby?lat=0&lon=5&radius=200000"

    def cold(self) -> str:
        """Somewhere that nobody has asked about."""
        self.number += 1
        spot = self.number * 37 % 1000
        return f"/v1/collections/places/nearby?lat={spot // 50 * 8 - 80}&lon={spot % 50 * 7 - 170}&radius=50000"

    def requests(self) -> dict[str, Callable[[], tuple[str, str, object]]]:
        def write() -> tuple[str, str, object]:
            self.number += 1
            identity = f"w-{self.number}"
            return "PUT", f"/v1/collections/places/items/{identity}", feature(identity, 1.0, 1.0)

        return {
            "warm search": lambda: ("GET", self.warm(), None),
            "cold search": lambda: ("GET", self.cold(), None),
            "place by id": lambda: ("GET", "/v1/collections/places/items/p-3-4", None),
            "write": write,
        }

    def measure(self) -> dict[str, str]:
        return {name: self.seen(make) for name, make in self.requests().items()}

    def seen(self, make: Callable[[], tuple[str, str, object]]) -> str:
        outcomes, times = Counter(), []
        for _ in range(REQUESTS):
            method, path, body = make()
            begun = time.monotonic()
            outcomes[ask(self.server, method, path, body)] += 1
            times.append(time.monotonic() - begun)
        times.sort()
        what = ", ".join(f"{count} × {status}" for status, count in sorted(outcomes.items()))
        return f"{what}; {times[len(times) // 2] * 1e3:.0f} / {times[-1] * 1e3:.0f} ms"

    def ready(self) -> str:
        try:
            with urllib.request.urlopen(self.server + "/ready", timeout=PATIENCE_S) as answer:
                document = json.load(answer)
                return f"{document['status']}, Redis {document['cache']['redis']}"
        except urllib.error.HTTPError as error:
            return str(error.code)

    def warm_up(self) -> None:
        """What is loaded within the settling time after a write is kept for that time only."""
        time.sleep(6)
        until(lambda: ask(self.server, *self.requests()["warm search"]()) == 200)
        until(lambda: self.ready() == "ok, Redis ok")

    def recover(self) -> str:
        """How long it takes until everything is as before."""
        begun = time.monotonic()
        until(lambda: all(ask(self.server, *make()) in (200, 201) for make in self.requests().values()) and self.ready() == "ok, Redis ok")
        return f"{time.monotonic() - begun:.1f} s"


def feature(identity: str, lat: float, lon: float) -> dict[str, object]:
    return {
        "type": "Feature",
        "id": identity,
        "geometry": {"type": "Point", "coordinates": [lon, lat]},
        "properties": {"name": identity},
    }


def ask(url: str, method: str, path: str, body: object) -> int:
    """The status; 0 for none in time."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/geo+json", "authorization": f"Bearer {TOKEN}"}
    request = urllib.request.Request(url + path, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            answer.read()
            return answer.status
    except urllib.error.HTTPError as error:
        error.read()
        return error.code
    except OSError:
        return 0


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end:
        try:
            if holds():
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit("it does not come back")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


FAULTS = ["none", "killed", "never answers", "slow", "reset", "garbage", "refuses writes", "closes idle connections"]


def main() -> None:
    directory = Path(tempfile.mkdtemp())
    bed = Bed(sys.argv[1], directory)
    try:
        print("| what | fault | warm search | cold search | place by id | write | `/ready` meanwhile | all well again after |")
        print("|---|---|---|---|---|---|---|---|")
        for name, proxy in bed.proxies.items():
            for fault in FAULTS if name == "table" else FAULTS[1:]:
                bed.warm_up()
                if name == "Redis" and fault == "refuses writes":
                    bed.redis("CONFIG", "SET", "min-replicas-to-write", "1")
                else:
                    proxy.set(fault)
                time.sleep(SETTLE_S)
                cells = bed.measure()
                ready = bed.ready()
                bed.redis("CONFIG", "SET", "min-replicas-to-write", "0")
                proxy.set("none")
                row = [name if fault != "none" else "nothing", fault, *cells.values(), ready, bed.recover()]
                print("| " + " | ".join(row) + " |", flush=True)
    finally:
        bed.close()
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
