"""The function that tells the CDN what changed, by the rules of docs/EDGE.md."""

import hashlib
import io
import json
import types
import urllib.parse
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


class Store(dict):
    """CloudFront's key-value store: batches of at most 50, each against its newest version."""

    def __init__(self, rows):
        super().__init__(rows)
        self.version, self.sent, self.requests = 7, [], []

    def __call__(self, request, timeout):
        self.requests.append(request)
        url = urllib.parse.urlsplit(request.full_url)
        query = dict(urllib.parse.parse_qsl(url.query))
        answer = {}
        if request.get_method() == "POST":
            assert request.get_header("If-match") == f"v{self.version}"
            body = json.loads(request.data)
            puts, deletes = body.get("Puts", []), body.get("Deletes", [])
            assert 1 <= len(puts) + len(deletes) <= 50
            self.sent.append([item["Key"] for item in puts + deletes])
            self.update({item["Key"]: item["Value"] for item in puts})
            for item in deletes:
                del self[item["Key"]]
            self.version += 1
        elif url.path.endswith("/keys"):
            at, keys = int(query.get("NextToken", "/0").removeprefix("/")), sorted(self)
            answer["Items"] = [{"Key": key, "Value": self[key]} for key in keys[at : at + 50]]
            if keys[at + 50 :]:
                answer["NextToken"] = f"/{at + 50}"
        return Answer(f"v{self.version}", answer)


class Answer(io.BytesIO):
    def __init__(self, version, body):
        super().__init__(json.dumps(body).encode())
        self.headers = {"ETag": version}


ARN = "arn:aws:cloudfront::123456789012:key-value-store/327284aa-bcd5"
CREDENTIALS = types.SimpleNamespace(
    access_key="AKISORANDOMAASORANDOM", secret_key="q+jcrXGc+0zWN6uzclKVhvMmUsIfRPa4rlRandom", token="t/+="
)


def map_record(collection, rows):
    image = {} if rows is None else {"NewImage": {"note": {"S": json.dumps({"version": 2, "rows": rows})}}}
    return {"dynamodb": {"Keys": {"pk": {"S": f"#edge-map#{collection}"}}, **image}}


def copied(purge, held, *records):
    store = Store(held)
    count = purge.copy_maps(records, purge.KeyValueStore(ARN, CREDENTIALS, send=store))
    return count, store


def test_rows_of_changed_maps_are_copied_and_no_others(purge):
    rows = {"u0": "x" * 32, "u09t": "6", "u1": "3" * 32}
    held = {
        "bars:u0": "4",
        "wineries:u0": "4" * 32,
        "wineries:u1": "3" * 32,
        "wineries:zz": "7" * 32,
        "wineries2:u0": "5",
    }
    old = map_record("wineries", {"zz": "3" * 32})
    count, store = copied(purge, held, old, record(1, new="wineries#8a"), map_record("wineries", rows))
    assert (count, store.sent) == (3, [["wineries:zz"], ["wineries:u09t", "wineries:u0"]])
    assert store == {"bars:u0": "4", "wineries2:u0": "5"} | {f"wineries:{key}": row for key, row in rows.items()}
    assert copied(purge, store, map_record("wineries", rows))[0] == 0
    count, store = copied(purge, store, map_record("wineries", None))
    assert (count, store) == (3, {"bars:u0": "4", "wineries2:u0": "5"})


def test_large_maps_are_copied_in_batches(purge):
    rows = {f"u{a}{b}{c}": "5" for a in "0123456" for b in "bcdefg" for c in "012"}
    count, store = copied(purge, {f"wineries:old{i:03}": "5" for i in range(120)}, map_record("wineries", rows))
    assert (count, len(store)) == (120 + len(rows), len(rows))
    assert [len(keys) for keys in store.sent] == [50, 50, 20, 50, 50, 26]


def test_what_is_signed_is_what_is_sent(purge, monkeypatch):
    _, store = copied(purge, {f"wineries:{i}": "5" for i in range(60)}, map_record("wineries", None))
    public = purge.multiply(purge.signing_key(CREDENTIALS.access_key, CREDENTIALS.secret_key), purge.G)
    # The key pair of AWS's own tests of SigV4A.
    assert f"{public[0]:064X}" == "15D242CEEBF8D8169FD6A8B5A746C41140414C3B07579038DA06AF89190FFFCB"
    assert f"{public[1]:064X}" == "0515242CEDD82E94799482E4C0514B505AFCCF2C0C98D6A553BF539F424C5EC0"
    assert len({request.get_header("Authorization") for request in store.requests}) == len(store.requests)
    for request in store.requests:
        url = urllib.parse.urlsplit(request.full_url)
        assert url.netloc == "123456789012.cloudfront-kvs.global.api.aws"
        assert url.path.startswith(
            "/key-value-stores/arn%3Aaws%3Acloudfront%3A%3A123456789012%3Akey-value-store%2F327284aa-bcd5"
        )
        at = request.get_header("X-amz-date")
        canonical = "\n".join([
            request.get_method(), url.path.replace("%", "%25"), url.query, f"host:{url.netloc}", f"x-amz-date:{at}",
            "x-amz-region-set:*", "x-amz-security-token:t/+=", "", "host;x-amz-date;x-amz-region-set;x-amz-security-token",
            hashlib.sha256(request.data or b"").hexdigest(),
        ])  # fmt: skip
        scope = f"{at[:8]}/cloudfront-keyvaluestore/aws4_request"
        text = f"AWS4-ECDSA-P256-SHA256\n{at}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = bytes.fromhex(request.get_header("Authorization").rpartition("Signature=")[2])
        assert verified(purge, public, text.encode(), signature)
        assert not verified(purge, public, text.encode() + b"x", signature)


def verified(purge, public, message, signature):
    """ECDSA (NIST FIPS 186-5, 6.4.2), of a signature in DER."""
    assert (signature[0], signature[1], signature[2]) == (48, len(signature) - 2, 2)
    r, rest = signature[4 : 4 + signature[3]], signature[4 + signature[3] :]
    assert (rest[0], rest[1]) == (2, len(rest) - 2)
    r, s = int.from_bytes(r, "big"), int.from_bytes(rest[2:], "big")
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    inverse = pow(s, -1, purge.N)
    point = purge.add(
        purge.multiply(digest * inverse % purge.N, purge.G), purge.multiply(r * inverse % purge.N, public)
    )
    return point[0] % purge.N == r


def test_a_store_that_fails_holds_up_no_purge(purge, monkeypatch):
    monkeypatch.setenv("KEY_VALUE_STORE", ARN)
    session = types.SimpleNamespace(
        get_credentials=lambda: types.SimpleNamespace(get_frozen_credentials=lambda: CREDENTIALS)
    )
    purge.boto3.Session = lambda: session

    def refuse(*_, **__):
        raise OSError("no way there")

    monkeypatch.setattr(purge.KeyValueStore, "ask", refuse)
    assert purge.tell_maps([record(1, new="wineries#8a")]) == {}
    assert purge.tell_maps([map_record("wineries", {})]) == {"maps_failed": "OSError: no way there"}
