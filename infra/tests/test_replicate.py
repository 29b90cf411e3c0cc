"""The stand-in for a global table, on tables that are lists."""

import itertools
import random

import pytest

from cellar_infra.local.replicate import Replicator


class Away(Exception):
    """The region does not answer."""


class Table:
    def __init__(self, name, clock):
        self.name, self.clock, self.items, self.records, self.read, self.away = name, clock, {}, [], 0, False

    def write(self, key, item):
        self.items[key] = item
        self.records.append((next(self.clock), key, item))

    def changes(self):
        self._there()
        # Few at a time: our own write may be there before we read what it came after.
        new = self.records[self.read : self.read + 2]
        self.read += len(new)
        return new

    def put(self, items):
        self._there()
        for key, item in items.items():
            self.write(key, item)

    def _there(self):
        if self.away:
            raise Away


@pytest.fixture
def tables():
    clock = itertools.count(1)
    return [Table(name, clock) for name in ("a", "b", "c")]


def settle(replicator):
    """Until nothing moves."""
    for _ in range(100):
        replicator.round(lambda *_: None)


def test_what_is_written_somewhere_is_everywhere_and_comes_once(tables):
    replicator = Replicator(tables)
    tables[0].write("k", {"v": 1})
    settle(replicator)
    assert [table.items for table in tables] == [{"k": {"v": 1}}] * 3
    assert [len(table.records) for table in tables] == [1, 1, 1]


def test_the_last_writer_wins_wherever_it_is_read_first(tables):
    for order in itertools.permutations(tables):
        replicator = Replicator(list(order))
        tables[1].write("k", {"v": "first"})
        tables[0].write("k", {"v": "last"})
        settle(replicator)
        assert [table.items["k"] for table in tables] == [{"v": "last"}] * 3


def test_a_deletion_is_a_write(tables):
    replicator = Replicator(tables)
    tables[0].write("k", {"v": 1})
    settle(replicator)
    tables[2].write("k", None)
    settle(replicator)
    assert [table.items["k"] for table in tables] == [None] * 3


def test_a_region_that_was_away_gets_and_gives_what_was_missed(tables):
    replicator = Replicator(tables)
    tables[1].write("mine", {"v": 1})
    tables[1].away = True
    tables[0].write("yours", {"v": 2})
    settle(replicator)
    assert "mine" not in tables[0].items
    tables[1].away = False
    settle(replicator)
    assert [table.items for table in tables] == [{"mine": {"v": 1}, "yours": {"v": 2}}] * 3


def test_what_is_cut_off_writes_on_and_the_last_writer_wins_when_it_is_healed(tables):
    replicator = Replicator(tables)
    tables[0].write("k", {"v": "before"})
    settle(replicator)
    replicator.cut.add("b")
    tables[1].write("both", {"v": "earlier"})
    tables[0].write("both", {"v": "later"})
    tables[1].write("mine", {"v": 1})
    settle(replicator)
    assert "mine" not in tables[2].items
    assert [table.items["both"] for table in tables] == [{"v": "later"}, {"v": "earlier"}, {"v": "later"}]
    replicator.cut.clear()
    settle(replicator)
    assert [table.items for table in tables] == [{"k": {"v": "before"}, "both": {"v": "later"}, "mine": {"v": 1}}] * 3


def test_any_history_ends_with_all_alike(tables):
    for seed in range(200):
        chance = random.Random(seed)
        clock = itertools.count(1)
        three = [Table(name, clock) for name in "abc"]
        replicator = Replicator(three)
        for _ in range(60):
            table = chance.choice(three)
            if chance.random() < 0.5:
                table.write(chance.choice("xyz"), {"v": chance.randrange(9)})
            elif chance.random() < 0.2:
                table.away = not table.away
            elif chance.random() < 0.2:
                replicator.cut ^= {table.name}
            else:
                try:
                    replicator.step(table)
                except Away:
                    continue
        replicator.cut.clear()
        for table in three:
            table.away = False
        settle(replicator)
        assert three[0].items == three[1].items == three[2].items, seed
