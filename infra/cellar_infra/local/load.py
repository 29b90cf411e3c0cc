"""Requests on a schedule: an open model, timed from the instant at which each was meant to be sent."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

# Longer than any time limit on the way.
TIMEOUT_S = 60.0


# Places that are written again and again, from everywhere.
SHARED = 40


@dataclass(frozen=True)
class Plan:
    """A request that is to be sent by a user near a region."""

    region: str
    kind: str
    item: str = ""
    version: int = 0


@dataclass(frozen=True)
class Sent:
    """A request and what became of it. Times in seconds since the beginning; `took_s` counts from when it was meant to be sent."""

    kind: str
    at_s: float
    took_s: float
    status: int
    item: str = ""
    # Of a shared place: what was written or read. None if it is unknown.
    version: int | None = None
    # Who answered.
    served: str = ""
    # When it was really sent.
    sent_s: float = 0.0

    @property
    def well(self) -> bool:
        """Answered as it should be."""
        return self.status in (200, 201)

    @property
    def done_s(self) -> float:
        """When the answer was there."""
        return self.at_s + self.took_s


def version_of(text: bytes) -> int | None:
    """The version in a place's document."""
    found = re.search(rb'"number":\s*(\d+)', text)
    return int(found[1]) if found else None


async def request(url: str, method: str, path: str, body: str = "") -> tuple[int, str, bytes]:
    """Status, region and text of an answer that was read to its end; a status of 0 for none."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        head = f"{method} {path} HTTP/1.1\r\nhost: rig\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body.encode())
        answer = await reader.read()
        if not answer.startswith(b"HTTP/1.1 "):
            return 0, "", b""
        region = re.search(rb"(?im)^x-cellar-region: *(\S+)", answer)
        return int(answer.split(b" ", 2)[1]), region[1].decode() if region else "", answer
    finally:
        writer.close()


def place(number: int) -> str:
    """A place of its own, somewhere in Paris."""
    position = [round(2.25 + number % 199 / 1000, 4), round(48.80 + number % 97 / 1000, 4)]
    return json.dumps(
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": position}, "properties": {"number": number}}
    )


class Load:
    """Users near each region: of ten requests one writes, a new place or, one time in three, a shared one; one reads a shared place by its id; the
    others search. The same seed gives the same requests.
    """

    def __init__(
        self, urls: dict[str, str], collection: str, per_second: float, seconds: float, *, shared: int = SHARED
    ) -> None:
        self.urls, self.collection = urls, collection
        self.per_second, self.seconds, self.shared = per_second, seconds, shared
        self.start = time.monotonic()
        self.sent: list[Sent] = []

    async def run(self) -> list[Sent]:
        self.start = time.monotonic()
        tasks = []
        for number in range(int(self.per_second * self.seconds)):
            at = number / self.per_second
            await asyncio.sleep(max(0.0, self.start + at - time.monotonic()))
            tasks.append(asyncio.create_task(self._one(self.plan(number), at)))
        await asyncio.gather(*tasks)
        return self.sent

    def plan(self, number: int) -> Plan:
        """The request of a number."""
        chance = random.Random(number)  # noqa: S311  (which requests, no secret)
        region, shared = chance.choice(list(self.urls)), f"s-{chance.randrange(self.shared)}"
        kind = number % 10
        if kind == 9 and chance.random() < 1 / 3:
            return Plan(region, "write", shared, number)
        if kind == 9:
            return Plan(region, "write", f"n-{number}", number)
        return Plan(region, "read", shared if kind == 4 else "")

    async def _one(self, plan: Plan, at: float) -> None:
        base = f"/v1/collections/{self.collection}"
        path = f"{base}/items/{plan.item}" if plan.item else f"{base}/nearby?lat=48.85&lon=2.35&radius=9000&limit=20"
        method, body = ("PUT", place(plan.version)) if plan.kind == "write" else ("GET", "")
        sent = time.monotonic() - self.start
        try:
            answer = request(self.urls[plan.region], method, path, body)
            status, served, text = await asyncio.wait_for(answer, TIMEOUT_S)
        except (OSError, TimeoutError, ValueError, IndexError):
            status, served, text = 0, "", b""
        took = time.monotonic() - self.start - at
        version = plan.version if plan.kind == "write" else version_of(text) if plan.item else None
        self.sent.append(Sent(plan.kind, at, took, status, plan.item, version, served, sent))
