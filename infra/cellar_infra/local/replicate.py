"""Stands in for a global table: what is written to one table is written to the others, from their streams, a moment later.

Last writer wins, by the stream's time and then by the region's name, as in DynamoDB. It is a stand-in: DynamoDB's own replication has its
own order, delays and conflicts, in milliseconds where the streams here have seconds.

Invariant: a record that comes of our own write is not taken for somebody's; what was read is never skipped after a failure.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

Item = dict[str, Any]

# What BatchWriteItem takes.
BATCH = 25


class Table(Protocol):
    """A region's table as the replicator needs it."""

    name: str

    def changes(self) -> list[tuple[float, str, Item | None]]:
        """New records: when, the key, and the item, `None` if it is gone. Not handed out again."""

    def put(self, items: dict[str, Item | None]) -> None:
        """Writes at most `BATCH` items, removes those that are `None`."""


class Replicator:
    """Keeps tables alike."""

    def __init__(self, tables: list[Table]) -> None:
        self.tables = tables
        self.versions: dict[str, tuple[float, str]] = {}
        self.latest: dict[str, Item | None] = {}
        self.echoes: Counter[tuple[str, str, str]] = Counter()
        # What each table has, as its own records and our writes say.
        self.there: dict[str, dict[str, Item | None]] = {table.name: {} for table in tables}
        # What a table that was away has yet to get.
        self.owed: dict[str, set[str]] = {table.name: set() for table in tables}
        # Tables that replication does not reach.
        self.cut: set[str] = set()
        self.stopped = threading.Event()

    def run(self, pause_s: float, failed: Callable[[str, Exception], None]) -> None:
        """Until it is stopped."""
        while not self.stopped.wait(pause_s):
            self.round(failed)

    def round(self, failed: Callable[[str, Exception], None]) -> None:
        """A step for each table that can be reached."""
        for table in self.tables:
            if table.name in self.cut:
                continue
            try:
                self.step(table)
            except Exception as error:  # The region is away; it is tried again.
                failed(table.name, error)

    def step(self, table: Table) -> None:
        """Takes what is new in a table, and pays what is owed to it."""
        for at, key, item in table.changes():
            self.there[table.name][key] = item
            self.owed[table.name].add(key)
            echo = (table.name, key, fingerprint(item))
            if self.echoes[echo] > 0:
                self.echoes[echo] -= 1
                continue
            version = (at, table.name)
            if version >= self.versions.get(key, (0.0, "")):
                self.versions[key], self.latest[key] = version, item
            for other in self.tables:
                self.owed[other.name].add(key)
        owed = sorted(self.owed[table.name])
        for start in range(0, len(owed), BATCH):
            self.pay(table, owed[start : start + BATCH])

    def pay(self, table: Table, keys: list[str]) -> None:
        """Writes the latest versions of items that are not there."""
        there = self.there[table.name]
        items = {key: self.latest[key] for key in keys if there.get(key) != self.latest[key]}
        echoes = [(table.name, key, fingerprint(item)) for key, item in items.items()]
        self.echoes.update(echoes)
        try:
            table.put(items)
        except Exception:
            # They may have been written all the same. Then their records come, and say what everybody knows.
            self.echoes.subtract(echoes)
            raise
        there.update(items)
        self.owed[table.name].difference_update(keys)


def fingerprint(item: Item | None) -> str:
    """An item as a text that equal items share."""
    return json.dumps(item, sort_keys=True, default=repr)
