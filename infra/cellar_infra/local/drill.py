"""A drill: load on all regions, one of them fails and comes back; what did users see, and is every acknowledged write there?"""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import asdict, dataclass, field

from cellar_infra.local.load import Load, Sent
from cellar_infra.local.processes import until
from cellar_infra.local.rig import COLLECTION, Rig

# Failures later than this after the region is back would be no consequence of the drill.
TAIL_S = 5.0


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
            ("taken out after", seconds(self.taken_out_s)),
            ("last failure after", seconds(self.last_failure_s)),
            ("started again after", seconds(self.recovered_s)),
            ("taken in after", seconds(self.taken_in_s)),
            ("acknowledged writes", f"{self.acknowledged}, lost {len(self.lost)}"),
            ("all regions alike", f"{seconds(self.all_alike_after_s)} after the load"),
        ]
        return "\n".join(f"{name:21}{value}" for name, value in rows)

    def document(self) -> dict[str, object]:
        """For machines."""
        return {**asdict(self), "share_failed": self.share()}


def drill(rig: Rig, *, how: str, per_second: float, seconds: float, fail_at_s: float, recover_at_s: float) -> Report:
    """Runs the drill; the last region fails."""
    victim = rig.regions[-1]
    load = Load({region.name: rig.url(region.name) for region in rig.regions}, COLLECTION, per_second, seconds)
    times: dict[str, float] = {}
    until("replication of the collection", lambda: victim.status(f"/v1/collections/{COLLECTION}") == 200)

    def act() -> None:
        time.sleep(max(0.0, load.start + fail_at_s - time.monotonic()))
        times["failed"] = time.monotonic()
        victim.fail(how)
        time.sleep(max(0.0, load.start + recover_at_s - time.monotonic()))
        victim.recover(how)
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
    report.lost = missing(rig, [one.item for one in sent if one.item and one.status in (200, 201)])
    report.all_alike_after_s = time.monotonic() - end
    return report


def summary(how: str, per_second: float, sent: list[Sent], failed_at_s: float) -> Report:
    """Counts."""
    report = Report(how, len(sent), per_second)
    for one in sent:
        well = one.status in (200, 201)
        if one.kind == "read":
            report.reads += 1
            report.reads_failed += not well
            report.slowest_read_s = max(report.slowest_read_s, one.took_s)
        else:
            report.writes += 1
            report.writes_failed += not well
            report.acknowledged += well
        if not well:
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
