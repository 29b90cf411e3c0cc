"""Two regions, real programs: one fails under load and comes back. Nothing here depends on being quick."""

import os
import time

import pytest

from cellar_infra.checks import load
from cellar_infra.local.drill import collection_is_in, drill
from cellar_infra.local.processes import until
from cellar_infra.local.rig import COLLECTION, Rig


def two_regions(**more):
    return Rig(["eu-west-1", "us-east-1"], os.environ["CELLAR_PROGRAM"], check_interval_s=0.3, timeout_s=30, **more)


@pytest.fixture
def rig():
    with two_regions() as rig:
        yield rig


@pytest.fixture
def rig_apart():
    with two_regions(apart=True) as rig:
        yield rig


def short(rig, how):
    """A drill of twelve seconds; what holds of each."""
    report = drill(rig, how=how, per_second=20, seconds=12, fail_at_s=3, recover_at_s=6, shared=3)
    assert report.requests == 240
    assert report.reads_failed == 0
    assert report.acknowledged > 0
    assert (report.lost, report.overtaken) == ([], [])
    return report


def test_a_killed_region_costs_no_read_and_no_acknowledged_write(rig):
    report = short(rig, "kill")
    assert report.taken_out_s is not None
    assert report.taken_in_s > report.taken_out_s


def test_a_region_that_says_it_is_ill_is_left_and_answers_to_the_last(rig_apart):
    report = short(rig_apart, "force-fail")
    assert report.writes_failed == 0
    assert report.taken_out_s is not None


def test_a_table_that_is_silent_costs_no_read_and_no_acknowledged_write(rig_apart):
    short(rig_apart, "table")


def test_a_partition_costs_nothing_but_freshness(rig):
    assert short(rig, "partition").writes_failed == 0


def test_a_healthy_answer_holds_the_text_that_route_53_looks_for(rig):
    check = load.bundle().sources["gateway"]["Resources"]["HealthCheck"]["Properties"]["HealthCheckConfig"]
    assert check["SearchString"].encode() in rig.regions[0].body(check["ResourcePath"])


PATH = f"/v1/collections/{COLLECTION}/items/p-1"


def feature(name):
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [2.35, 48.85]},
        "properties": {"name": name},
    }


def all_have(rig, name):
    for region in rig.regions:
        until(f"{name} in {region.name}", lambda region=region: f'"{name}"'.encode() in region.body(PATH))


def test_writes_meet_in_both_regions_and_the_last_one_stays(rig):
    europe, america = rig.regions
    until("replication of the collection", lambda: collection_is_in(america))
    assert europe.put(PATH, feature("europe")) == 201
    until("the write in America", lambda: america.status(PATH) == 200)
    assert america.put(PATH, feature("america")) == 200
    all_have(rig, "america")


def test_after_a_partition_the_later_of_two_writes_stays(rig):
    europe, america = rig.regions
    until("replication of the collection", lambda: collection_is_in(america))
    rig.fail(america, "partition")
    assert america.put(PATH, feature("earlier")) == 201
    # Order is by whole seconds.
    second = int(time.time())
    until("the next second", lambda: int(time.time()) > second)
    assert europe.put(PATH, feature("later")) == 201
    assert b'"earlier"' in america.body(PATH)
    rig.recover(america, "partition")
    all_have(rig, "later")
