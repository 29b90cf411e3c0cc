"""The proxy before engines: what it refuses was not done, what it loses was, and no record of a stream is lost or doubled."""

import http.client
import json
import threading
from collections import defaultdict
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cellar_infra.engines.engine import KINDS
from cellar_infra.engines.faults import CODES, OTHERS, Dice, Faults
from cellar_infra.engines.proxy import Behaviour, Proxy
from cellar_infra.engines.run import PAGE, differences, documented, programs
from cellar_infra.engines.streams import SHARD_RECORDS
from cellar_infra.engines.suites import PLANS

RECORDS = [
    {"dynamodb": {"SequenceNumber": f"{number:05}", "Keys": {"pk": {"S": f"k{number % 7}"}}}} for number in range(75)
]
RECORDS_A_PAGE = 10


class Engine:
    """Has one shard, and does what it is told."""

    def __init__(self, count=None):
        self.asked, self.count = [], count or len(RECORDS)

    def answer(self, operation, request):
        self.asked.append(operation)
        match operation:
            case "DescribeStream":
                return {"StreamDescription": {"StreamArn": "arn", "Shards": [{"ShardId": "only"}]}}
            case "GetShardIterator":
                return {"ShardIterator": "0"}
            case "GetRecords":
                at = int(request["ShardIterator"])
                found = RECORDS[at : min(at + RECORDS_A_PAGE, self.count)]
                return {"Records": found, "NextShardIterator": str(at + len(found))}
            case "BatchWriteItem":
                self.asked[-1] = request["RequestItems"]
                return {"UnprocessedItems": {}}
        return {"Did": operation}


@contextmanager
def proxied(engine, **behaviour):
    """A proxy before the engine, and how to ask it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            body = json.dumps(engine.answer(self.headers["x-amz-target"].rpartition(".")[2], request)).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    proxy = Proxy(server.server_address[1], Behaviour(**behaviour))

    def ask(operation, request, service="DynamoDB_20120810"):
        connection = http.client.HTTPConnection(*proxy.address, timeout=10)
        headers = {"x-amz-target": f"{service}.{operation}", "content-type": "application/x-amz-json-1.0"}
        connection.request("POST", "/", json.dumps(request), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    try:
        yield ask, proxy
    finally:
        proxy.close()
        server.shutdown()
        server.server_close()


def always(fault):
    return Faults.read(f"{fault}=1")


def test_what_is_asked_is_passed_on_and_noted():
    engine = Engine()
    with proxied(engine) as (ask, proxy):
        assert ask("GetItem", {"Key": {}, "TableName": "t"}) == (200, {"Did": "GetItem"})
        assert proxy.notes.parameters == {"GetItem": {"Key", "TableName"}}
        assert engine.asked == ["GetItem"]


@pytest.mark.parametrize("fault", ["throttle", "limit", "error", "busy"])
def test_what_is_refused_was_not_done(fault):
    engine = Engine()
    with proxied(engine, faults=always(fault)) as (ask, proxy):
        status, told = ask("PutItem", {})
        assert (status, told["__type"].rpartition("#")[2]) == CODES[fault]
        assert (engine.asked, proxy.notes.faults[fault]) == ([], 1)


@pytest.mark.parametrize(("fault", "done"), [("close", []), ("lose", ["PutItem"])])
def test_a_connection_that_is_closed_says_nothing_of_what_was_done(fault, done):
    engine = Engine()
    with proxied(engine, faults=always(fault)) as (ask, _), pytest.raises(http.client.RemoteDisconnected):
        ask("PutItem", {})
    assert engine.asked == done


def test_half_of_a_batch_is_left_and_told():
    engine = Engine()
    with proxied(engine, faults=always("partial")) as (ask, _):
        _, told = ask("BatchWriteItem", {"RequestItems": {"t": [1, 2, 3]}})
        assert (engine.asked, told) == ([{"t": [1, 2]}], {"UnprocessedItems": {"t": [3]}})
        assert ask("BatchWriteItem", {"RequestItems": {"t": [3]}})[1] == {"UnprocessedItems": {}}


def test_what_an_engine_lacks_is_granted():
    engine = Engine()
    with proxied(engine, granted=("UpdateTimeToLive",)) as (ask, _):
        assert ask("UpdateTimeToLive", {}) == (200, {})
        assert engine.asked == []


def test_faults_are_drawn_at_their_share_and_where_they_can_be():
    dice = Dice(Faults.read("throttle=0.1,Query.error=0.2,expire=0.5"), 1)
    drawn = [dice.draw("Query") for _ in range(2_000)]
    assert 130 < drawn.count("throttle") < 270
    assert 300 < drawn.count("error") < 500
    assert set(drawn) == {"throttle", "error", None}
    assert {dice.draw("GetRecords") for _ in range(200)} == {"throttle", "expire", None}
    for wrong in ("weather=0.1", "throttle=2", "throttle"):
        with pytest.raises(ValueError, match="allowed: FAULT=SHARE of throttle"):
            Faults.read(wrong)


def read_all(ask):
    """As a reader of streams does: the records of each shard, once all of its parent's are read, and who its parent is."""
    asked = lambda operation, request: ask(operation, request, "DynamoDBStreams_20120810")[1]  # noqa: E731
    shards, last = [], None
    while True:
        more = {"ExclusiveStartShardId": last} if last else {}
        page = asked("DescribeStream", {"StreamArn": "arn", **more})["StreamDescription"]
        shards += page["Shards"]
        last = page.get("LastEvaluatedShardId")
        if last is None:
            break
    found = {}
    for shard in shards:
        begin = {"StreamArn": "arn", "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator, records = asked("GetShardIterator", begin)["ShardIterator"], []
        while iterator:
            page = asked("GetRecords", {"ShardIterator": iterator, "Limit": 4})
            records += page["Records"]
            iterator = page.get("NextShardIterator") if page["Records"] or "NextShardIterator" not in page else None
        found[shard["ShardId"]] = (shard.get("ParentShardId"), [one["dynamodb"] for one in records], shard)
    return found


def test_a_stream_is_cut_into_shards_and_nothing_is_lost_or_doubled():
    with proxied(Engine(), shards=True) as (ask, _):
        shards = read_all(ask)
    assert len(shards) > 6
    numbers = [record["SequenceNumber"] for _, records, _ in shards.values() for record in records]
    assert sorted(numbers) == [record["dynamodb"]["SequenceNumber"] for record in RECORDS]
    by_key = defaultdict(list)
    for parent, records, shard in shards.values():
        # A parent stands before its children, is closed and full.
        if parent:
            assert len(shards[parent][1]) == SHARD_RECORDS
            assert "EndingSequenceNumber" in shards[parent][2]["SequenceNumberRange"]
            assert list(shards).index(parent) < list(shards).index(shard["ShardId"])
        for record in records:
            by_key[record["Keys"]["pk"]["S"]].append(record["SequenceNumber"])
    assert all(numbers == sorted(numbers) for numbers in by_key.values())
    roots = [shard for shard, (parent, _, _) in shards.items() if parent is None]
    assert len(roots) == 1
    assert sum(parent == roots[0] for parent, _, _ in shards.values()) == 2


def test_a_reading_goes_on_behind_a_record_and_not_behind_one_that_is_gone():
    with proxied(Engine(), shards=True) as (ask, _):
        shard, (_, records, _) = list(read_all(ask).items())[3]
        asked = {"StreamArn": "arn", "ShardId": shard, "ShardIteratorType": "AFTER_SEQUENCE_NUMBER"}
        streams = "DynamoDBStreams_20120810"
        _, told = ask("GetShardIterator", asked | {"SequenceNumber": records[2]["SequenceNumber"]}, streams)
        _, page = ask("GetRecords", {"ShardIterator": told["ShardIterator"]}, streams)
        assert [one["dynamodb"] for one in page["Records"]] == records[3:]
        status, told = ask("GetShardIterator", asked | {"SequenceNumber": "none"}, streams)
        assert (status, told["__type"].rpartition("#")[2]) == (400, "TrimmedDataAccessException")


def test_a_stream_that_has_not_filled_a_shard_has_one():
    with proxied(Engine(SHARD_RECORDS - 1), shards=True) as (ask, _):
        assert [len(records) for _, records, _ in read_all(ask).values()] == [SHARD_RECORDS - 1]


def test_plans_can_be_carried_out():
    for plan in PLANS:
        for fault in Faults.read(plan.faults).shares:
            assert fault.rpartition(".")[2] in (*CODES, *OTHERS)


def test_the_page_has_every_engine_and_every_deviation():
    page = PAGE.read_text()
    for plan in PLANS:
        assert f"| {KINDS[plan.engine].version} |" in page, plan.engine
        for test in plan.deviates:
            assert f"`{test}`" in page, test


def test_engines_are_those_that_are_installed():
    infra = PAGE.parents[1] / "infra"
    text = "".join(
        (infra / name).read_text()
        for name in ("requirements-emulator.txt", "requirements-engines.txt", "engines/pom.xml", "engines/package.json")
    )
    for pinned in (
        f"ministack=={KINDS['ministack'].version}\n",
        f"moto=={KINDS['moto'].version}\n",
        f"<version>{KINDS['dynamodb-local'].version}</version>",
        f'"dynalite": "{KINDS["dynalite"].version}"',
    ):
        assert pinned in text


def test_the_page_is_compared_with_what_was_asked():
    told = documented()
    assert told["GetItem"] == {"ConsistentRead", "Key", "TableName"}
    del told["UpdateTable"]
    assert differences(told) == []
    missing = differences({call: names - {"Limit"} for call, names in told.items()} | {"Dance": {"Step"}})
    assert [line.split(" for ")[1].split(",")[0] for line in missing] == ["Dance", "GetRecords", "Query"]


def test_the_tests_that_cargo_built_are_found(tmp_path):
    messages = tmp_path / "messages"
    made = [
        ("path+file:///x/api/store#cellar-store@0.1.0", "it", ["test"], "/t/it-1"),
        ("path+file:///x/geo-index#0.1.0", "it", ["test"], "/t/it-2"),
        ("path+file:///x/api/store#cellar-store@0.1.0", "cellar_store", ["lib"], "/t/lib"),
    ]
    lines = [
        json.dumps({"package_id": package, "target": {"name": name, "kind": kind}, "executable": program})
        for package, name, kind, program in made
    ]
    messages.write_text("\n".join([*lines, "not JSON", '{"reason":"build-finished"}']))
    assert programs(messages) == {"cellar-store": "/t/it-1", "geo-index": "/t/it-2"}
