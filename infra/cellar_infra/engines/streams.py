"""A stream cut into many shards, as DynamoDB cuts that of a busy table: engines have one shard that never ends.

The records are the engine's, with their sequence numbers. The first shard ends after some records and has two children, which share
the keys; each of these ends after as many again and is followed by one child, as a shard is after some hours.
"""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

SERVICE = "DynamoDBStreams_20120810"
# Records of a shard until it ends.
SHARD_RECORDS = 9
MOST_ROUNDS = 100

Ask = Callable[[str, dict[str, Any]], dict[str, Any]]


class StreamRefusalError(Exception):
    """An error that the service would answer with: its code."""


@dataclass
class Lineage:
    """A row of shards, each but the last of them full."""

    name: str
    parent: str | None
    records: list[dict[str, Any]] = field(default_factory=list)
    most: int | None = None

    def shards(self) -> list[dict[str, Any]]:
        """As DescribeStream lists them."""
        found, parent = [], self.parent
        count = len(self.records) // SHARD_RECORDS + 1 if self.most is None else 1
        for number in range(count):
            of_it = self.records[number * SHARD_RECORDS : (number + 1) * SHARD_RECORDS]
            first = number_of(of_it[0]) if of_it else "0"
            bounds = {"StartingSequenceNumber": first}
            if self.is_closed(number):
                bounds["EndingSequenceNumber"] = number_of(of_it[-1])
            shard: dict[str, Any] = {"ShardId": self.shard_id(number), "SequenceNumberRange": bounds}
            if parent:
                shard["ParentShardId"] = parent
            found.append(shard)
            parent = self.shard_id(number)
        return found

    def shard_id(self, number: int) -> str:
        return f"shardId-{number:020}-{self.name}"

    def is_closed(self, number: int) -> bool:
        return len(self.records) >= (number + 1) * SHARD_RECORDS


@dataclass
class Log:
    """All records of a stream so far, by lineage."""

    iterators: dict[str, str | None] = field(default_factory=dict)
    # Of the engine's shards, the last record that was read.
    last: dict[str, str] = field(default_factory=dict)
    lineages: dict[str, Lineage] = field(default_factory=dict)

    def __post_init__(self) -> None:
        first = Lineage("root", None, most=SHARD_RECORDS)
        children = [Lineage(name, first.shard_id(0)) for name in ("left", "right")]
        self.lineages = {one.name: one for one in (first, *children)}

    def add(self, record: dict[str, Any]) -> None:
        first = self.lineages["root"]
        if len(first.records) < SHARD_RECORDS:
            first.records.append(record)
            return
        key = json.dumps(record["dynamodb"]["Keys"], sort_keys=True).encode()
        self.lineages["left" if zlib.crc32(key) % 2 else "right"].records.append(record)

    def shards(self) -> list[dict[str, Any]]:
        parts = list(self.lineages.values())
        shown = parts if parts[0].is_closed(0) else parts[:1]
        return [shard for part in shown for shard in part.shards()]


class Streams:
    """Answers the service's calls out of what an engine's stream says."""

    def __init__(self, ask: Ask) -> None:
        self._ask, self._logs, self._lock = ask, dict[str, Log](), threading.Lock()

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            match operation:
                case "DescribeStream":
                    return self._describe(request)
                case "GetShardIterator":
                    return {"ShardIterator": self._iterator(request)}
                case "GetRecords":
                    return self._records(request)
        return self._ask(operation, request)

    def _read(self, arn: str) -> Log:
        """The log with what is new."""
        log = self._logs.setdefault(arn, Log())
        description = self._ask("DescribeStream", {"StreamArn": arn})["StreamDescription"]
        for shard in description["Shards"]:
            name = shard["ShardId"]
            for _ in range(MOST_ROUNDS):
                if not self._read_page(arn, log, name):
                    break
        return log

    def _read_page(self, arn: str, log: Log, shard: str) -> bool:
        """Reads one page of an engine's shard; whether there may be more."""
        if shard not in log.iterators:
            begin = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
            if shard in log.last:
                begin |= {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": log.last[shard]}
            log.iterators[shard] = self._ask("GetShardIterator", begin)["ShardIterator"]
        iterator = log.iterators[shard]
        if iterator is None:
            return False
        try:
            page = self._ask("GetRecords", {"ShardIterator": iterator, "Limit": 1000})
        except StreamRefusalError:
            # DynamoDB Local now and then takes the iterator of an empty shard for trimmed: another one is asked for.
            del log.iterators[shard]
            return True
        log.iterators[shard] = page.get("NextShardIterator")
        for record in page["Records"]:
            log.add(record)
            log.last[shard] = number_of(record)
        return bool(page["Records"])

    def _describe(self, request: dict[str, Any]) -> dict[str, Any]:
        arn = request["StreamArn"]
        description = self._ask("DescribeStream", {"StreamArn": arn})["StreamDescription"]
        shards = self._read(arn).shards()
        start = request.get("ExclusiveStartShardId")
        if start:
            behind = [number for number, shard in enumerate(shards, start=1) if shard["ShardId"] == start]
            shards = shards[behind[0] :] if behind else []
        # One shard an answer: whoever stops after the first page misses the others.
        more = {"LastEvaluatedShardId": shards[0]["ShardId"]} if len(shards) > 1 else {}
        rest = {key: value for key, value in description.items() if key != "LastEvaluatedShardId"}
        return {"StreamDescription": rest | {"Shards": shards[:1]} | more}

    def _iterator(self, request: dict[str, Any]) -> str:
        arn, shard, kind = request["StreamArn"], request["ShardId"], request["ShardIteratorType"]
        _, digits, lineage = shard.split("-", 2)
        log = self._read(arn)
        if lineage not in log.lineages:
            raise StreamRefusalError("ResourceNotFoundException")
        records, first = log.lineages[lineage].records, int(digits) * SHARD_RECORDS
        of_it = records[first : first + SHARD_RECORDS]
        at = 0 if kind == "TRIM_HORIZON" else len(of_it)
        if kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
            numbers = [number_of(record) for record in of_it]
            if request["SequenceNumber"] not in numbers:
                raise StreamRefusalError("TrimmedDataAccessException")
            at = numbers.index(request["SequenceNumber"]) + (kind == "AFTER_SEQUENCE_NUMBER")
        return json.dumps([arn, lineage, int(digits), at])

    def _records(self, request: dict[str, Any]) -> dict[str, Any]:
        arn, name, number, at = json.loads(request["ShardIterator"])
        lineage = self._read(arn).lineages[name]
        first = number * SHARD_RECORDS
        found = lineage.records[first + at : min(first + SHARD_RECORDS, first + at + request.get("Limit", 1000))]
        at += len(found)
        is_over = lineage.is_closed(number) and at >= SHARD_RECORDS
        return {"Records": found} | ({} if is_over else {"NextShardIterator": json.dumps([arn, name, number, at])})


def number_of(record: dict[str, Any]) -> str:
    return record["dynamodb"]["SequenceNumber"]
