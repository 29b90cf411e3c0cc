"""A drill: load on all regions, one of them fails and comes back; what did users see, and is every acknowledged write there?"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from dataclasses import asdict, dataclass, field

from cellar_infra.local.load import SHARED, Load, Sent, place, version_of
from cellar_infra.local.order import FIRST, History, Staleness, staleness
from cellar_infra.local.processes import until
from cellar_infra.local.region import Region
from cellar_infra.local.rig import COLLECTION, Rig

# Ways to fail, and what each is.
WAYS = {
    "kill": "kill -9 of server and table",
    "hang": "stopped: takes connections and never answers",
    "force-fail": "health says 503, everything else is answered",
    "table": "the table takes connections and never answers",
    "partition": "replication to and from the region is cut",
}

# Ways that need tables of their own.
APART = {"force-fail", "table"}


@dataclass
class Report:
    """Times in seconds since the region failed, if not said otherwise."""

    how: str
    requests: int
    per_second: float
    reads: int = 0
    reads_failed: int = 0
    writes: int = 0
    writes_failed: int = 0
    last_failure_s: float | None = None
    taken_out_s: float | None = None
    taken_in_s: float | None = None
    recovered_s: float | None = None
    slowest_read_s: float = 0.0
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    # Shared places where an earlier write won over a later one that was acknowledged.
    overtaken: list[str] = field(default_factory=list)
    stale: Staleness = field(default_factory=Staleness)
    all_alike_after_s: float = 0.0

    def share(self) -> float:
        """Failed requests, of all."""
        return (self.reads_failed + self.writes_failed) / max(self.requests, 1)

    def table(self) -> str:
        """For people."""

        def seconds(value: float | None) -> str:
            return "-" if value is None else f"{value:.1f} s"

        rows = [
            ("failure", self.how),
            ("requests", f"{self.requests}, {self.per_second:.0f}/s"),
            ("reads failed", f"{self.reads_failed} of {self.reads}"),
            ("writes failed", f"{self.writes_failed} of {self.writes}"),
            ("share failed", f"{100 * self.share():.2f} %"),
            ("slowest read", seconds(self.slowest_read_s)),
            ("out of rotation after", seconds(self.taken_out_s)),
            ("last failure after", seconds(self.last_failure_s)),
            ("started again after", seconds(self.recovered_s)),
            ("back in rotation after", seconds(self.taken_in_s)),
            ("reads by id", f"{self.stale.reads}"),
            ("stale before", f"{self.stale.stale_before}, by {seconds(self.stale.longest_before_s)} at most"),
            ("stale since", f"{self.stale.stale_since}, by {seconds(self.stale.longest_since_s)} at most"),
            ("stale by > 1 s until", seconds(self.stale.unusual_until_s)),
            ("earlier write won", f"{len(self.overtaken)} shared places"),
            ("acknowledged writes", f"{self.acknowledged}, lost {len(self.lost)}"),
            ("all regions alike", f"{seconds(self.all_alike_after_s)} after the load"),
        ]
        return "\n".join(f"{name:26}{value}" for name, value in rows)

    def document(self) -> dict[str, object]:
        """For machines."""
        return {**asdict(self), "share_failed": self.share()}


def drill(
    rig: Rig,
    *,
    how: str,
    per_second: float,
    seconds: float,
    fail_at_s: float,
    recover_at_s: float,
    shared: int = SHARED,
) -> Report:
    """Runs the drill; the last region fails."""
    victim = rig.regions[-1]
    urls = {region.name: rig.url(region.name) for region in rig.regions}
    load = Load(urls, COLLECTION, per_second, seconds, shared=shared)
    times: dict[str, float] = {}
    prepare(rig, shared)

    def act() -> None:
        time.sleep(max(0.0, load.start + fail_at_s - time.monotonic()))
        times["failed"] = time.monotonic()
        rig.fail(victim, how)
        time.sleep(max(0.0, load.start + recover_at_s - time.monotonic()))
        rig.recover(victim, how)
        times["recovered"] = time.monotonic()

    actor = threading.Thread(target=act)
    load.start = time.monotonic()
    actor.start()
    sent = asyncio.run(load.run())
    actor.join()
    end = time.monotonic()
    report = summary(how, per_second, sent, times["failed"] - load.start)
    report.recovered_s = times["recovered"] - times["failed"]
    until("the region's return", lambda: victim.name not in rig.front.out)
    for at, text in rig.front.events:
        if text == f"{victim.name} out":
            report.taken_out_s = at - times["failed"]
        elif text == f"{victim.name} in":
            report.taken_in_s = at - times["failed"]
    report.lost = missing(rig, sorted({one.item for one in sent if one.kind == "write" and one.well}))
    until("that all regions are alike", lambda: all(len(set(versions(rig, k))) == 1 for k in range(shared)))
    history = History(sent)
    report.overtaken = [f"s-{k}" for k in range(shared) if history.newer(f"s-{k}", versions(rig, k)[0])]
    report.stale = staleness(sent, times["failed"] - load.start)
    report.all_alike_after_s = time.monotonic() - end
    return report


def prepare(rig: Rig, shared: int) -> None:
    """Writes the shared places and waits until they are everywhere."""
    first = rig.regions[0]
    for region in rig.regions:
        until("replication of the collection", lambda region=region: collection_is_in(region))  # type: ignore[misc]
    for number in range(shared):
        first.put(path_of(number), json.loads(place(FIRST)))
    until("the shared places", lambda: all(set(versions(rig, number)) == {FIRST} for number in range(shared)))


def collection_is_in(region: Region) -> bool:
    """Whether a region knows the collection."""
    return region.status(f"/v1/collections/{COLLECTION}") == 200


def path_of(number: int) -> str:
    """Where a shared place is."""
    return f"/v1/collections/{COLLECTION}/items/s-{number}"


def versions(rig: Rig, number: int) -> list[int | None]:
    """What each region has of a shared place."""
    return [version_of(region.body(path_of(number))) for region in rig.regions]


def summary(how: str, per_second: float, sent: list[Sent], failed_at_s: float) -> Report:
    """Counts."""
    report = Report(how, len(sent), per_second)
    for one in sent:
        if one.kind == "read":
            report.reads += 1
            report.reads_failed += not one.well
            report.slowest_read_s = max(report.slowest_read_s, one.took_s)
        else:
            report.writes += 1
            report.writes_failed += not one.well
            report.acknowledged += one.well
        if not one.well:
            report.last_failure_s = max(report.last_failure_s or 0.0, one.at_s + one.took_s - failed_at_s)
    return report


def missing(rig: Rig, items: list[str], patience_s: float = 60) -> list[str]:
    """Acknowledged places that some region does not have, when replication has had its time."""
    end = time.monotonic() + patience_s
    left = {(region.name, item) for region in rig.regions for item in items}
    by_name = {region.name: region for region in rig.regions}
    while left and time.monotonic() < end:
        left = {
            (name, item)
            for name, item in left
            if by_name[name].status(f"/v1/collections/{COLLECTION}/items/{item}") != 200
        }
    return sorted({item for _, item in left})
