"""Which of two writes to a place is the later one, what reads say about it, and whether the last writer won.

Replication orders writes by whole seconds of the stream's clock: of two writes in different regions within a second of each other either may win, and
neither is called older here. A write that was not acknowledged may have been done at any time: it proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from cellar_infra.local.load import Sent

CLOCK_S = 1.0

# Replication that works takes less.
UNUSUAL_S = 1.0

# The version of a shared place before anybody wrote to it.
FIRST = 0


def beats(later: Sent, earlier: Sent) -> bool:
    """Whether a write is later than another beyond doubt."""
    return later.sent_s > earlier.done_s + (0.0 if later.served == earlier.served else CLOCK_S)


class History:
    """The acknowledged writes to shared places."""

    def __init__(self, sent: list[Sent]) -> None:
        self.of: dict[str, list[Sent]] = {}
        for one in sent:
            if one.kind == "write" and one.well:
                self.of.setdefault(one.item, []).append(one)

    def newer(self, item: str, version: int | None) -> list[Sent]:
        """Acknowledged writes that are later than a version; none if nobody knows when that was."""
        writes = self.of.get(item, [])
        if version == FIRST:
            return writes
        known = [one for one in writes if one.version == version]
        return [one for one in writes if beats(one, known[0])] if known else []

    def age_s(self, read: Sent) -> float | None:
        """For how long, when a read was sent, a newer write than what it found had been acknowledged. None if it found the newest."""
        ends = [one.done_s for one in self.newer(read.item, read.version) if one.done_s < read.sent_s]
        return read.sent_s - min(ends) if ends else None


@dataclass
class Staleness:
    """Reads by id that were older than the last acknowledged write."""

    reads: int = 0
    stale_before: int = 0
    longest_before_s: float = 0.0
    stale_since: int = 0
    longest_since_s: float = 0.0
    # Seconds since the failure at which the last read was staler than `UNUSUAL_S`.
    unusual_until_s: float | None = None


def staleness(sent: list[Sent], failed_at_s: float) -> Staleness:
    """Counts stale reads before and since a failure."""
    history, found = History(sent), Staleness()
    reads = [one for one in sent if one.kind == "read" and one.item and one.well]
    ages = [(one.sent_s, history.age_s(one)) for one in reads]
    found.reads = len(reads)
    before = [age for at, age in ages if age is not None and at < failed_at_s]
    since = [(at, age) for at, age in ages if age is not None and at >= failed_at_s]
    found.stale_before, found.longest_before_s = len(before), max(before, default=0.0)
    found.stale_since, found.longest_since_s = len(since), max((age for _, age in since), default=0.0)
    unusual = [at - failed_at_s for at, age in since if age > UNUSUAL_S]
    found.unusual_until_s = max(unusual, default=None)
    return found
