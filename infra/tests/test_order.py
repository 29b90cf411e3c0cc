"""Which write is the later one, and which reads are stale."""

from cellar_infra.local.load import Load, Sent, version_of
from cellar_infra.local.order import FIRST, History, beats, staleness


def write(version, sent, done, served="a", status=201, item="s-0"):
    return Sent("write", sent, done - sent, status, item, version, served, sent)


def read(version, sent, item="s-0"):
    return Sent("read", sent, 0.01, 200, item, version, "a", sent)


def test_writes_of_a_region_have_an_order_and_those_of_two_only_with_a_second_between():
    first = write(1, 0.0, 0.5)
    assert beats(write(2, 0.6, 0.9), first)
    assert not beats(write(2, 0.4, 0.9), first)
    assert not beats(write(2, 1.4, 2.0, served="b"), first)
    assert beats(write(2, 1.6, 2.0, served="b"), first)


def test_a_read_is_as_stale_as_the_first_acknowledged_write_that_it_has_not_seen():
    history = History(
        [write(1, 0.0, 0.1), write(2, 2.0, 2.5, "b"), write(3, 4.0, 4.5, "b"), write(4, 5.0, 5.1, "b", 503)]
    )
    assert history.age_s(read(3, 9.0)) is None
    assert history.age_s(read(1, 2.4)) is None
    assert history.age_s(read(1, 3.0)) == 0.5
    assert history.age_s(read(1, 6.0)) == 3.5
    assert history.age_s(read(FIRST, 6.0)) == 5.9
    assert history.age_s(read(4, 6.0)) is None
    assert history.age_s(read(1, 6.0, item="s-1")) is None


def test_stale_reads_are_counted_before_and_since_the_failure():
    sent = [write(1, 0.0, 0.0), read(FIRST, 0.25), write(2, 20.0, 20.0), read(1, 21.0), read(1, 24.0), read(2, 25.0)]
    found = staleness(sent, failed_at_s=10.0)
    assert (found.reads, found.stale_before, found.longest_before_s) == (4, 1, 0.25)
    assert (found.stale_since, found.longest_since_s, found.unusual_until_s) == (2, 4.0, 14.0)


def test_an_earlier_write_that_stayed_is_seen():
    history = History([write(1, 0.0, 0.1), write(2, 2.0, 2.1, "b")])
    assert [one.version for one in history.newer("s-0", 1)] == [2]
    assert history.newer("s-0", 2) == []


def test_the_load_writes_and_reads_from_every_region():
    load = Load({"a": "", "b": ""}, "places", 100, 10, shared=3)
    plans = [load.plan(number) for number in range(1000)]
    writes = [plan for plan in plans if plan.kind == "write"]
    by_id = [plan for plan in plans if plan.kind == "read" and plan.item]
    assert (len(writes), len(by_id)) == (100, 100)
    shared = {(plan.region, plan.item) for plan in writes if plan.item.startswith("s-")}
    assert shared == {(plan.region, plan.item) for plan in by_id}
    assert len(shared) == 6
    assert version_of(b'x {"number": 17}') == 17
    assert version_of(b"{}") is None
