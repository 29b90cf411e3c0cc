#!/usr/bin/env python3
"""What users see while something that the server depends on is at fault: the table of docs/RELIABILITY.md.

Starts an embedded engine as the table, a redis-server, nginx as an edge, and a `cellar serve` that reaches all of them
through proxies which this script puts at fault, one fault at a time. Needs redis-server and nginx with njs.

    cargo build --release --bin cellar
    api/benches/faults/matrix.py target/release/cellar --write docs/RELIABILITY.md
    api/benches/faults/matrix.py target/debug/cellar --only edge --requests 3 --settle 1     # to try it

Without --write the table goes to standard output. With it, it replaces what stands between the two lines
`<!-- faults -->` and `<!-- /faults -->`, with the commit, the date and the number of processors above it.
"""

from __future__ import annotations

import argparse
import datetime
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bed import Bed, ask, feature, ready, request, until

FAULTS = ["killed", "stopped", "never answers", "slow", "reset", "garbage", "refuses writes", "closes idle connections"]
# Who is asked: the server, or the edge in front of it.
ROWS = {
    "table": ("table", "server", FAULTS),
    "Redis": ("Redis", "server", FAULTS),
    "edge": ("edge, told of changes", "server", FAULTS),
    "origin": ("origin, seen through the edge", "edge", [fault for fault in FAULTS if fault not in ("stopped", "refuses writes")]),
}
HEADER = "| what | fault | warm search | cold search | place by id | write | `/ready` meanwhile | all well again after |"


class Trial:
    """The bed, and requests to it."""

    def __init__(self, bed: Bed, requests: int, settle_s: float) -> None:
        self.bed, self.wanted, self.settle_s, self.number = bed, requests, settle_s, 0
        fill(bed.engine.url)
        self.server = bed.serve_behind_an_edge()

    def requests(self, through: str) -> dict[str, Callable[[], tuple[str, str, object]]]:
        """What is asked, by kind. Of an edge, cell answers: others are not kept there."""
        def search(lat: float, lon: float) -> tuple[str, str, object]:
            where = f"lat={lat}&lon={lon}"
            wanted = "mode=cell" if through == "edge" else "radius=200000"
            return "GET", f"/v1/collections/places/nearby?{where}&{wanted}", None

        def cold() -> tuple[str, str, object]:
            """Somewhere that nobody has asked about."""
            self.number += 1
            spot = self.number * 37 % 1000
            return search(spot // 50 * 8 - 80, spot % 50 * 7 - 170)

        def write() -> tuple[str, str, object]:
            self.number += 1
            # Far from what is searched: a change nearby has the edge forget it.
            identity = f"w-{self.number}"
            return "PUT", f"/v1/collections/places/items/{identity}", feature(identity, 60.0, 150.0)

        return {
            "warm search": lambda: search(0, 5),
            "cold search": cold,
            "place by id": lambda: ("GET", "/v1/collections/places/items/p-3-4", None),
            "write": write,
        }

    def url(self, through: str) -> str:
        return self.bed.edge.url if through == "edge" else self.server.url

    def seen(self, through: str, make: Callable[[], tuple[str, str, object]]) -> str:
        outcomes, times = Counter(), []
        for _ in range(self.wanted):
            method, path, body = make()
            begun = time.monotonic()
            outcomes[ask(self.url(through), method, path, body)] += 1
            times.append(time.monotonic() - begun)
        times.sort()
        what = ", ".join(f"{count} × {status or 'nothing'}" for status, count in sorted(outcomes.items()))
        return f"{what}; {times[len(times) // 2] * 1e3:.0f} / {times[-1] * 1e3:.0f} ms"

    def is_well(self, through: str) -> bool:
        asked = [ask(self.url(through), *make()) for make in self.requests(through).values()]
        return all(status in (200, 201) for status in asked) and ready(self.server.url) == "ok, Redis ok"

    def edge_follows(self) -> bool:
        """Whether a place that is written now is what the edge answers with, soon."""
        self.number += 1
        identity, where = f"e-{self.number}", "/v1/collections/places/nearby?lat=45&lon=45&mode=cell"
        ask(self.bed.edge.url, "GET", where)
        ask(self.server.url, "PUT", f"/v1/collections/places/items/{identity}", feature(identity, 45.0, 45.0))
        return until(lambda: identity.encode() in request(self.bed.edge.url, "GET", where)[1])

    def row(self, name: str, fault: str) -> str:
        what, through, _ = ROWS.get(name, ("nothing", "server", []))
        # What is loaded within the settling time after a write is kept for that time only.
        time.sleep(self.settle_s / 2)
        if not until(lambda: self.is_well("server") and self.is_well("edge")):
            raise SystemExit("not well before the fault")
        if name in ROWS:
            self.bed.fault(name, fault)
            # Long enough for memory not to be trusted any more.
            time.sleep(self.settle_s)
        cells = [self.seen(through, make) for make in self.requests(through).values()]
        meanwhile = ready(self.server.url)
        if name in ROWS:
            self.bed.well(name)
        begun = time.monotonic()
        is_well = until(lambda: self.is_well(through)) and (name != "edge" or self.edge_follows())
        recovered = f"{time.monotonic() - begun:.1f} s" if is_well else "not within 120 s"
        return "| " + " | ".join([what, fault, *cells, meanwhile, recovered]) + " |"


def fill(url: str) -> None:
    ask(url, "PUT", "/v1/collections/places", {})
    for row in range(20):
        features = [feature(f"p-{row}-{column}", row * 8 - 80, column * 7 - 170) for column in range(50)]
        ask(url, "POST", "/v1/collections/places/items", {"type": "FeatureCollection", "features": features})


def write(path: Path, lines: list[str]) -> None:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    made = f"Measured at {commit} on {datetime.date.today()}, {os.cpu_count()} processors:"
    table = "\n".join(["<!-- faults -->", made, "", *lines, "<!-- /faults -->"])
    text = path.read_text()
    if not re.search(r"<!-- faults -->.*<!-- /faults -->", text, re.DOTALL):
        raise SystemExit(f"{path} has no place for the table: <!-- faults --> and <!-- /faults -->")
    path.write_text(re.sub(r"<!-- faults -->.*<!-- /faults -->", lambda _: table, text, flags=re.DOTALL))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cellar", help="the binary")
    parser.add_argument("--only", choices=ROWS, help="faults of this only")
    parser.add_argument("--faults", default=",".join(FAULTS), help="these faults only, with commas")
    parser.add_argument("--requests", type=int, default=12, help="requests of each kind")
    parser.add_argument("--settle", type=float, default=12, help="seconds until a fault is measured")
    parser.add_argument("--write", type=Path, help="file whose table is replaced")
    args = parser.parse_args()
    directory = Path(tempfile.mkdtemp())
    bed = Bed(args.cellar, directory)
    lines = [HEADER, "|---|---|---|---|---|---|---|---|"]
    try:
        trial = Trial(bed, args.requests, args.settle)
        wanted = [(name, fault) for name, (_, _, faults) in ROWS.items() for fault in faults if args.only in (None, name)]
        wanted = [(name, fault) for name, fault in wanted if fault in args.faults.split(",")]
        for name, fault in [("", "none"), *wanted]:
            lines.append(trial.row(name, fault))
            print(lines[-1], file=sys.stderr, flush=True)
    finally:
        bed.close()
        shutil.rmtree(directory)
    if args.write:
        write(args.write, lines)
    else:
        print("\n".join(lines))


if __name__ == "__main__":
    main()
