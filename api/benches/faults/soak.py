#!/usr/bin/env python3
"""Mixed traffic while things fail at random: nothing that was acknowledged is lost, nothing is stale past the contract
(docs/CACHING.md), memory and descriptors stay flat.

Two servers share a table and a Redis, which they reach through proxies. A round puts one thing at fault, drawn from the
seed, sends requests, ends the fault, waits until both servers are well, and compares everything with what was
acknowledged: every place by its id, and every spot by a search at both servers. Needs redis-server.

    cargo build --release --bin cellar
    api/benches/faults/soak.py target/release/cellar --minutes 30 --seed 1
    api/benches/faults/soak.py target/debug/cellar --rounds 3 --requests 40 --seed 7    # the short form, in the gate

What is sent follows from the seed; when faults begin and end does not. The exit code is 1 if something was wrong.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from bed import Bed, Server, ask, feature, ready, request, until

WORKERS = 4
PLACES = 12  # of each worker
SPOTS = 8
# A search in a process that hears of nothing may be so old.
CONTRACT_S = 10
FAULTS = ["killed", "stopped", "never answers", "slow", "reset", "garbage", "refuses writes", "closes idle connections"]
# More memory or descriptors than after the second round, at the end.
MAY_GROW_MB, MAY_GROW_DESCRIPTORS = 96, 64


def spot(number: int) -> tuple[float, float]:
    return 40.0 + number, 7.0 * number


def url_of(identity: str) -> str:
    return f"/v1/collections/places/items/{identity}"


class Worker:
    """Writes places of its own and reads them, one request after the other."""

    def __init__(self, soak: Soak, number: int, seed: int) -> None:
        self.soak, self.random, self.version = soak, random.Random(seed * 1_000 + number), 0
        self.ids = [f"p-{number}-{place}" for place in range(PLACES)]
        # What each place may be: one state if the last write was acknowledged, else all that it may have become.
        self.states: dict[str, list[tuple[int, int] | None]] = {identity: [None] for identity in self.ids}
        self.outcomes: Counter[str] = Counter()

    def run(self, requests: int) -> None:
        for _ in range(requests):
            server = self.random.choice(self.soak.servers)
            identity = self.random.choice(self.ids)
            match self.random.randrange(10):
                case 0 | 1 | 2 | 3:
                    self.put(server, identity)
                case 4:
                    self.delete(server, identity)
                case 5 | 6 | 7:
                    self.read(server, identity)
                case _:
                    self.search(server)

    def put(self, server: Server, identity: str) -> None:
        self.version += 1
        state = (self.version, self.random.randrange(SPOTS))
        place = feature(identity, *spot(state[1]), version=state[0])
        status = ask(server.url, "PUT", url_of(identity), place)
        self.written(identity, state, status, (200, 201))

    def delete(self, server: Server, identity: str) -> None:
        self.written(identity, None, ask(server.url, "DELETE", url_of(identity)), (204, 404))

    def written(self, identity: str, state: tuple[int, int] | None, status: int, good: tuple[int, ...]) -> None:
        self.outcomes[f"write {status}"] += 1
        if status in good:
            self.states[identity] = [state]
        elif status in (0, 503):
            self.states[identity].append(state)
        else:
            self.soak.wrong(f"a write of {identity} is answered with {status}")

    def read(self, server: Server, identity: str) -> None:
        status, body = request(server.url, "GET", url_of(identity))
        self.outcomes[f"read {status}"] += 1
        if status in (200, 404):
            self.compare(identity, state_of(json.loads(body)) if status == 200 else None, "by its id")
        elif status not in (0, 503):
            self.soak.wrong(f"{identity} is answered with {status}")

    def compare(self, identity: str, state: tuple[int, int] | None, how: str) -> None:
        """A read by id is never stale. What was read is the state from now on: the table has it."""
        if state not in self.states[identity]:
            self.soak.wrong(f"{identity} is {state} {how}; it may be {self.states[identity]}")

    def search(self, server: Server) -> None:
        """During a fault an answer may be old, but whole: every place of it was once so, and none is there twice."""
        status, body = request(server.url, "GET", nearby(self.random.randrange(SPOTS)))
        self.outcomes[f"search {status}"] += 1
        if status == 200:
            ids = [place["id"] for place in json.loads(body)["features"]]
            if len(ids) != len(set(ids)):
                self.soak.wrong(f"a search lists a place twice: {ids}")
        elif status not in (0, 503):
            self.soak.wrong(f"a search is answered with {status}: {body!r}")

    def settle(self, server: Server) -> None:
        """Reads every place: what was not acknowledged has become one thing or the other."""
        for identity in self.ids:
            status, body = request(server.url, "GET", url_of(identity))
            if status not in (200, 404):
                self.soak.wrong(f"{identity} is answered with {status} when all is well")
                continue
            state = state_of(json.loads(body)) if status == 200 else None
            self.compare(identity, state, "by its id when all is well")
            self.states[identity] = [state]


def state_of(place: dict) -> tuple[int, int]:
    return place["properties"]["version"], round(place["geometry"]["coordinates"][1] - 40)


def nearby(number: int) -> str:
    lat, lon = spot(number)
    return f"/v1/collections/places/nearby?lat={lat}&lon={lon}&radius=1000&limit=100"


class Soak:
    def __init__(self, bed: Bed, seed: int) -> None:
        self.bed, self.random, self.faults = bed, random.Random(seed), []
        ask(bed.engine.url, "PUT", "/v1/collections/places", {})
        self.servers = [bed.serve(), bed.serve()]
        self.workers = [Worker(self, number, seed) for number in range(WORKERS)]
        self.sizes: list[list[tuple[float, int]]] = []

    def wrong(self, what: str) -> None:
        self.faults.append(what)
        print(f"WRONG: {what}", file=sys.stderr, flush=True)

    def round(self, requests: int) -> str:
        name, fault = self.draw()
        self.begin(name, fault)
        threads = [threading.Thread(target=worker.run, args=(requests // WORKERS,)) for worker in self.workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.end(name, fault)
        if not until(lambda: all(self.is_well(server) for server in self.servers)):
            said = ", ".join(ready(server.url) for server in self.servers)
            self.wrong(f"{name} {fault} is over, and the servers are not well: {said}")
        self.check()
        self.sizes.append([(server.resident_mb(), server.descriptors()) for server in self.servers])
        return f"{name} {fault}".strip()

    @staticmethod
    def is_well(server: Server) -> bool:
        """A search for what is in no memory is what finds out that Redis and the table can be reached again."""
        written = ask(server.url, "PUT", url_of("pulse"), feature("pulse", -60.0, -60.0, version=0))
        found = ask(server.url, "GET", "/v1/collections/places/nearby?lat=-60&lon=-60&radius=1000")
        return written in (200, 201) and found == 200 and ready(server.url) == "ok, Redis ok"

    def draw(self) -> tuple[str, str]:
        """What fails: a proxy's side, or a process that dies and comes back."""
        name = self.random.choice(["table", "Redis", "server", "engine"])
        return name, "dies" if name in ("server", "engine") else self.random.choice(FAULTS)

    def begin(self, name: str, fault: str) -> None:
        match name:
            case "server":
                self.killed = self.random.choice(self.servers)
                self.killed.kill()
                threading.Timer(1, self.killed.start).start()
            case "engine":
                self.bed.engine.kill()
                threading.Timer(1, self.start_engine).start()
            case _:
                self.bed.fault(name, fault)

    def start_engine(self) -> None:
        self.bed.engine.start()
        self.bed.find_table()

    def end(self, name: str, _: str) -> None:
        if name in ("table", "Redis"):
            self.bed.well(name)
        else:
            until(lambda: all(ask(server.url, "GET", "/live") == 200 for server in [*self.servers, self.bed.engine]))

    def check(self) -> None:
        """Nothing that was acknowledged is lost, and within the contract every search at every server says so."""
        for worker in self.workers:
            worker.settle(self.servers[0])
        expected = [set() for _ in range(SPOTS)]
        for worker in self.workers:
            for identity, [state] in worker.states.items():
                if state:
                    expected[state[1]].add((identity, state[0]))
        end = time.monotonic() + CONTRACT_S
        left = [(server, number) for server in self.servers for number in range(SPOTS)]
        while left:
            # Begun before the time is up, so that the last look is of an instant at which nothing may be stale.
            last = time.monotonic() >= end
            left = [(server, number) for server, number in left if self.found(server, number) != expected[number]]
            if last:
                break
            time.sleep(0.1 if left else 0)
        for server, number in left:
            found = self.found(server, number)
            if found != expected[number]:
                self.wrong(f"{server.url} lacks {expected[number] - found} and has {found - expected[number]} at {number}")

    def found(self, server: Server, number: int) -> set[tuple[str, int]]:
        status, body = request(server.url, "GET", nearby(number))
        if status != 200:
            return {(f"status {status}", 0)}
        return {(place["id"], place["properties"]["version"]) for place in json.loads(body)["features"]}

    def check_sizes(self) -> None:
        """Flat: what a process has at the end is about what it had after the second round. One that was killed begins anew,
        with less."""
        if len(self.sizes) < 3:
            return
        for number, ((before_mb, before), (after_mb, after)) in enumerate(zip(self.sizes[1], self.sizes[-1], strict=True)):
            if after_mb > before_mb + MAY_GROW_MB:
                self.wrong(f"server {number} grew from {before_mb:.0f} to {after_mb:.0f} MB")
            if after > before + MAY_GROW_DESCRIPTORS:
                self.wrong(f"server {number} grew from {before} to {after} descriptors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cellar", help="the binary")
    parser.add_argument("--minutes", type=float, help="rounds for so long")
    parser.add_argument("--rounds", type=int, help="so many rounds")
    parser.add_argument("--requests", type=int, default=400, help="in each round")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if (args.minutes is None) == (args.rounds is None):
        parser.error("say --minutes or --rounds")
    directory = Path(tempfile.mkdtemp())
    bed = Bed(args.cellar, directory)
    try:
        soak = Soak(bed, args.seed)
        began, rounds = time.monotonic(), 0
        while rounds < args.rounds if args.rounds else time.monotonic() - began < args.minutes * 60:
            what = soak.round(args.requests)
            rounds += 1
            sizes = ", ".join(f"{mb:.0f} MB and {descriptors} descriptors" for mb, descriptors in soak.sizes[-1])
            print(f"{time.monotonic() - began:.0f} s, round {rounds}: {what}; {sizes}", flush=True)
        soak.check_sizes()
        outcomes = sum((worker.outcomes for worker in soak.workers), Counter())
        print(f"seed {args.seed}: {rounds} rounds, {sum(outcomes.values())} requests, {len(soak.faults)} wrong")
        print(", ".join(f"{count} × {what}" for what, count in sorted(outcomes.items())))
    finally:
        bed.close()
        shutil.rmtree(directory)
    raise SystemExit(1 if soak.faults else 0)


if __name__ == "__main__":
    main()
