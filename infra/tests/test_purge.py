"""The function that tells the CDN what changed, by the rules of docs/EDGE.md."""

from datetime import UTC, datetime

import pytest

from tests.fakes import ClientError, load

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def record(number, old=None, new=None, key="wineries#w-1", seconds=0):
    images = {name: {"root": {"S": root}} for name, root in (("OldImage", old), ("NewImage", new)) if root is not None}
    at = NOW.timestamp() - 60 + seconds
    return {
        "dynamodb": {
            "Keys": {"pk": {"S": key}},
            "SequenceNumber": str(number),
            "ApproximateCreationDateTime": at,
            **images,
        }
    }


class Table:
    """The month's count, with DynamoDB's condition."""

    def __init__(self):
        self.spent = None

    def update_item(self, Key, ExpressionAttributeValues, **_):
        assert Key == {"month": "2026-03"}
        if self.spent is not None and self.spent > ExpressionAttributeValues[":most"]:
            raise ClientError("ConditionalCheckFailedException")
        self.spent = (self.spent or 0) + ExpressionAttributeValues[":count"]


class CloudFront:
    def __init__(self):
        self.sent = []

    def create_invalidation(self, DistributionId, InvalidationBatch):
        assert DistributionId == "E1"
        assert InvalidationBatch["Paths"]["Quantity"] == len(InvalidationBatch["Paths"]["Items"])
        self.sent.append(InvalidationBatch)


@pytest.fixture
def purge(monkeypatch):
    monkeypatch.setenv("DISTRIBUTION", "E1")
    monkeypatch.setenv("BUDGET", "1000")
    return load("purge", monkeypatch)


def run(purge, records, table=None, slept=None):
    cdn = CloudFront()
    report = purge.purge(records, table or Table(), cdn, NOW, (slept if slept is not None else []).append)
    return report, [batch["Paths"]["Items"] for batch in cdn.sent], cdn


def test_both_positions_of_a_place_are_purged_once(purge):
    records = [record(1, "wineries#a", "wineries#b"), record(2, None, "wineries#b"), record(3, "wineries#a", None)]
    report, sent, _ = run(purge, records)
    assert sent == [["#wineries:a", "#wineries:b"]]
    assert report == {"paths": 2}


def test_what_is_no_place_is_passed_over(purge):
    records = [record(1, None, "#collections", key="#collection#wineries"), record(2, key="#edge-map#wineries")]
    assert run(purge, records)[:2] == ({"paths": 0}, [])


def test_a_place_that_cannot_be_read_purges_everything(purge):
    assert run(purge, [record(1, None, "wineries#a"), record(2)])[1] == [["/v1/*"]]
    assert run(purge, [record(1, None, "damaged")])[1] == [["/v1/*"]]


def test_many_tags_become_their_collection_and_many_collections_everything(purge):
    many = [record(n, None, f"wineries#{n}") for n in range(101)]
    assert run(purge, [*many, record(200, None, "cities#x")])[1] == [["/v1/collections/wineries/*", "#cities:x"]]
    assert len(run(purge, many[:100])[1][0]) == 100
    lots = [record(n, None, f"c{c}#{n}") for c in range(11) for n in range(101)]
    assert run(purge, lots)[1] == [["/v1/*"]]
    assert run(purge, [record(n, None, f"c{n % 20}#{n}") for n in range(1001)])[1] == [["/v1/*"]]


def test_the_budget_is_stretched_and_then_kept(purge):
    table = Table()
    table.spent = 998
    two, three = [[record(n, None, f"wineries#{n}") for n in range(count)] for count in (2, 3)]
    assert run(purge, three, table)[1] == [["/v1/*"]]
    assert table.spent == 999
    assert run(purge, two, table)[1] == [["/v1/*"]]
    assert run(purge, two, table)[:2] == ({"over_budget": 2}, [])
    assert table.spent == 1000


def test_nothing_is_sent_with_a_budget_of_zero(purge, monkeypatch):
    monkeypatch.setenv("BUDGET", "0")
    assert run(purge, [record(1, None, "wineries#a")])[:2] == ({"over_budget": 1}, [])


def test_other_failures_of_the_table_are_not_taken_for_an_empty_budget(purge):
    class Broken(Table):
        def update_item(self, **_):
            raise ClientError("ProvisionedThroughputExceededException")

    with pytest.raises(ClientError):
        run(purge, [record(1, None, "wineries#a")], Broken())


def test_a_batch_that_comes_again_has_the_same_reference(purge):
    records = [record(1, None, "wineries#a"), record(2, None, "wineries#b")]
    first, again = run(purge, records)[2], run(purge, records)[2]
    assert first.sent[0]["CallerReference"] == again.sent[0]["CallerReference"]
    assert run(purge, records[:1])[2].sent[0]["CallerReference"] != first.sent[0]["CallerReference"]


def test_it_waits_until_the_index_tells_the_truth(purge):
    for age, expected in ((60, 0), (3, 0.5), (0, 2.5)):
        slept = []
        run(purge, [record(1, None, "wineries#a", seconds=60 - age)], slept=slept)
        assert slept == [expected]
