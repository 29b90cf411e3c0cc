"""A proxy in front of an engine: it notes what is asked, adds what an engine lacks, and misbehaves if it is told to.

Invariant: a fault is one that DynamoDB documents. A request that is refused was not carried out; of one whose answer is lost nobody
can know, and it was.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cellar_infra.engines.faults import CODES, Dice, Faults
from cellar_infra.engines.streams import SERVICE, StreamRefusalError, Streams

ANSWER_S = 60
DELAY_S = 0.05
JSON = "application/x-amz-json-1.0"


@dataclass
class Notes:
    """Which parameters each operation was given, which faults it met, and what the engine refused."""

    parameters: dict[str, set[str]] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def request(self, operation: str, request: dict[str, Any]) -> None:
        with self._lock:
            self.requests += 1
            self.parameters.setdefault(operation, set()).update(request)

    def fault(self, name: str) -> None:
        with self._lock:
            self.faults[name] += 1

    def refusal(self, operation: str, status: int, body: bytes) -> None:
        try:
            told = json.loads(body)
        except ValueError:
            told = {}
        code = str(told.get("__type", status)).rpartition("#")[2]
        with self._lock:
            self.refusals[f"{operation} {code}"] += 1


@dataclass
class Behaviour:
    """What the proxy adds to an engine."""

    faults: Faults = field(default_factory=lambda: Faults({}))
    seed: int = 1
    # Whether it cuts streams into shards.
    shards: bool = False
    # Operations that it answers itself, with nothing: the engine lacks them.
    granted: tuple[str, ...] = ()


class Server(ThreadingHTTPServer):
    """Clients come many at once, and go when a test is over: that is no error."""

    request_queue_size = 128
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


class Proxy:
    """Listens on a port of its own until it is closed."""

    def __init__(self, port: int, behaviour: Behaviour) -> None:
        self.notes, self.behaviour, self._engine = Notes(), behaviour, port
        self.dice = Dice(behaviour.faults, behaviour.seed)
        self.streams = Streams(self._ask)
        self._headers: dict[str, str] = {}
        self._local = threading.local()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                proxy.handle(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.address: tuple[str, int] = ("127.0.0.1", self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def handle(self, client: BaseHTTPRequestHandler) -> None:
        """One request. What goes wrong with the engine or the client ends the connection."""
        body = client.rfile.read(int(client.headers.get("content-length", 0)))
        service, _, operation = client.headers.get("x-amz-target", "").rpartition(".")
        request = json.loads(body or b"{}")
        self.notes.request(operation, request)
        headers = {name: value for name, value in client.headers.items() if name.lower() not in ("host", "connection")}
        self._headers = {name: value for name, value in headers.items() if name.lower() not in ("content-length",)}
        fault = self.dice.draw(operation)
        if fault:
            self.notes.fault(fault)
        try:
            answer = self._answer(service, operation, request, body, headers, fault)
        except (OSError, http.client.HTTPException):
            answer = None
        if answer is None:
            client.close_connection = True
            return
        send(client, *answer)

    def _answer(
        self,
        service: str,
        operation: str,
        request: dict[str, Any],
        body: bytes,
        headers: dict[str, str],
        fault: str | None,
    ) -> tuple[int, bytes, str] | None:
        if fault == "close":
            return None
        if fault in CODES:
            return refusal(*CODES[fault])
        if fault == "delay":
            time.sleep(DELAY_S)
        if operation in self.behaviour.granted:
            return 200, b"{}", JSON
        if service == SERVICE and self.behaviour.shards:
            return self._from_streams(operation, request)
        left: dict[str, Any] = {}
        if fault == "partial":
            request, left = halved(request)
            body = json.dumps(request).encode()
            headers = {name: value for name, value in headers.items() if name.lower() != "content-length"}
        status, answer, kind = self._pass(body, headers)
        if status >= 400:
            self.notes.refusal(operation, status, answer)
        if left and status == 200:
            answer = json.dumps(json.loads(answer) | {"UnprocessedItems": left}).encode()
        return None if fault == "lose" else (status, answer, kind)

    def _from_streams(self, operation: str, request: dict[str, Any]) -> tuple[int, bytes, str]:
        try:
            return 200, json.dumps(self.streams.answer(operation, request)).encode(), JSON
        except StreamRefusalError as refused:
            return refusal(400, str(refused))

    def _ask(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """A question of the proxy's own, signed as the last one of a client: engines do not check it."""
        headers = self._headers | {"x-amz-target": f"{SERVICE}.{operation}", "X-Amz-Target": f"{SERVICE}.{operation}"}
        headers = {name.lower(): value for name, value in headers.items()}
        status, answer, _ = self._pass(json.dumps(request).encode(), headers)
        told = json.loads(answer)
        if status != 200:
            raise StreamRefusalError(str(told.get("__type", "InternalServerError")).rpartition("#")[2])
        return told

    def _pass(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes, str]:
        connection = getattr(self._local, "engine", None)
        if connection is None:
            connection = self._local.engine = http.client.HTTPConnection("127.0.0.1", self._engine, timeout=ANSWER_S)
        try:
            connection.request("POST", "/", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers.get("content-type", JSON)
        except (OSError, http.client.HTTPException):
            self._local.engine = None
            connection.close()
            raise


def send(client: BaseHTTPRequestHandler, status: int, body: bytes, kind: str) -> None:
    client.send_response(status)
    client.send_header("content-type", kind)
    client.send_header("content-length", str(len(body)))
    client.end_headers()
    client.wfile.write(body)


def refusal(status: int, code: str) -> tuple[int, bytes, str]:
    text = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "by the proxy"}
    return status, json.dumps(text).encode(), JSON


def halved(request: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A batch that is carried out by half, and what is left of it. At least one write is carried out."""
    done, left = {}, {}
    for table, writes in request["RequestItems"].items():
        half = (len(writes) + 1) // 2
        done[table] = writes[:half]
        if writes[half:]:
            left[table] = writes[half:]
    return request | {"RequestItems": done}, left
