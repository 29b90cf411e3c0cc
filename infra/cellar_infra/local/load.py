"""Requests on a schedule: an open model, timed from the instant at which each was meant to be sent."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

# Longer than any time limit on the way.
TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Sent:
    """A request and what became of it. Times in seconds since the beginning."""

    kind: str
    at_s: float
    took_s: float
    status: int
    region: str
    item: str


async def request(url: str, method: str, path: str, body: str = "") -> int:
    """The status of an answer that was read to its end; 0 for none."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        head = f"{method} {path} HTTP/1.1\r\nhost: rig\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body.encode())
        answer = await reader.read()
        return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0
    finally:
        writer.close()


def place(number: int) -> str:
    """A place of its own, somewhere in Paris."""
    position = [round(2.25 + number % 199 / 1000, 4), round(48.80 + number % 97 / 1000, 4)]
    return json.dumps(
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": position}, "properties": {"number": number}}
    )


class Load:
    """Users near each region: searches, and every tenth request a write of a new place."""

    def __init__(self, urls: dict[str, str], collection: str, per_second: float, seconds: float) -> None:
        self.urls, self.collection = urls, collection
        self.per_second, self.seconds = per_second, seconds
        self.start = time.monotonic()
        self.sent: list[Sent] = []

    async def run(self) -> list[Sent]:
        self.start = time.monotonic()
        tasks = []
        for number in range(int(self.per_second * self.seconds)):
            at = number / self.per_second
            await asyncio.sleep(max(0.0, self.start + at - time.monotonic()))
            tasks.append(asyncio.create_task(self._one(number, at)))
        await asyncio.gather(*tasks)
        return self.sent

    async def _one(self, number: int, at: float) -> None:
        name = list(self.urls)[number % len(self.urls)]
        item = f"n-{number}" if number % 10 == 9 else ""
        base = f"/v1/collections/{self.collection}"
        path = f"{base}/items/{item}" if item else f"{base}/nearby?lat=48.85&lon=2.35&radius=9000&limit=20"
        method, body = ("PUT", place(number)) if item else ("GET", "")
        try:
            status = await asyncio.wait_for(request(self.urls[name], method, path, body), TIMEOUT_S)
        except (OSError, TimeoutError, ValueError, IndexError):
            status = 0
        took = time.monotonic() - self.start - at
        self.sent.append(Sent("write" if item else "read", at, took, status, name, item))
