"""A region's table over DynamoDB's protocol, with a place in its stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config

from cellar_infra.local.replicate import Item

# The engine names shards in fewer characters than AWS does, hence no validation.
QUICK = Config(connect_timeout=1, read_timeout=2, retries={"max_attempts": 0}, parameter_validation=False)

# Of the embedded engine (api/store/src/config.rs).
TABLE = "cellar"


class ThrottledError(Exception):
    """The table did not do all of a batch; it comes again."""


class DynamoTable:
    """The table of an embedded engine; `endpoint` is asked again after each failure, for it moves with a restart."""

    def __init__(self, name: str, endpoint: Callable[[], str]) -> None:
        self.name, self.endpoint = name, endpoint
        self.seen: dict[str, str] = {}
        self._clients: tuple[Any, Any] | None = None

    def clients(self) -> tuple[Any, Any]:
        """DynamoDB and its streams."""
        if self._clients is None:
            where = {"endpoint_url": self.endpoint(), "region_name": "local", "config": QUICK}
            secret = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
            dynamo, streams = (boto3.client(kind, **where, **secret) for kind in ("dynamodb", "dynamodbstreams"))
            self._clients = (dynamo, streams)
        return self._clients

    def changes(self) -> list[tuple[float, str, Item | None]]:
        try:
            return self._changes()
        except Exception:
            self._clients = None
            raise

    def _changes(self) -> list[tuple[float, str, Item | None]]:
        dynamo, streams = self.clients()
        arn = dynamo.describe_table(TableName=TABLE)["Table"]["LatestStreamArn"]
        found = []
        for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
            found += self._records(streams, arn, shard["ShardId"])
        return found

    def _records(self, streams: Any, arn: str, shard: str) -> list[tuple[float, str, Item | None]]:
        """Records behind the last one seen; all of them are read before any counts as seen."""
        last = self.seen.get(shard)
        how = (
            {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": last}
            if last
            else {"ShardIteratorType": "TRIM_HORIZON"}
        )
        iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, **how)["ShardIterator"]
        records = streams.get_records(ShardIterator=iterator)["Records"]
        if records:
            self.seen[shard] = records[-1]["dynamodb"]["SequenceNumber"]
        return [
            (
                one["dynamodb"]["ApproximateCreationDateTime"].timestamp(),
                one["dynamodb"]["Keys"]["pk"]["S"],
                one["dynamodb"].get("NewImage"),
            )
            for one in records
        ]

    def put(self, items: dict[str, Item | None]) -> None:
        dynamo, _ = self.clients()
        writes = [
            {"DeleteRequest": {"Key": {"pk": {"S": key}}}} if item is None else {"PutRequest": {"Item": item}}
            for key, item in items.items()
        ]
        if writes and dynamo.batch_write_item(RequestItems={TABLE: writes}).get("UnprocessedItems"):
            raise ThrottledError
