"""Tells CloudFront to forget the cell answers that rest on places which changed. Reads the table's stream.

The rules are those of docs/EDGE.md, "When places change". Invariants: a purge leaves only when the index can tell the truth; a
batch that comes again has the same reference, which CloudFront bills once; a month costs no more than BUDGET paths.
"""

import hashlib
import json
import os
import time
from datetime import UTC, datetime

import boto3
from botocore.exceptions import ClientError

SETTLE_S = 2.5  # CELLAR_SETTLE_MS, and half a second for answers on their way
MOST_TAGS = 100
MOST_COLLECTIONS = 10


class UnreadableError(Exception):
    """A place without a position: any answer may rest on it."""


def tags(record):
    """Collection and root of both images. The attribute `root` is <collection>#<root>; keys of what is no place begin with #."""
    change = record["dynamodb"]
    if change["Keys"]["pk"]["S"].startswith("#"):
        return set()
    roots = [change[image].get("root", {}).get("S", "") for image in ("OldImage", "NewImage") if image in change]
    found = {tuple(root.split("#", 1)) for root in roots if root.count("#") == 1}
    if not found:
        raise UnreadableError
    return found


def paths(records):
    by_collection = {}
    try:
        for collection, cell in set().union(*map(tags, records)):
            by_collection.setdefault(collection, set()).add(cell)
    except UnreadableError:
        return ["/v1/*"]
    whole = sorted(c for c, cells in by_collection.items() if len(cells) > MOST_TAGS)
    if len(whole) > MOST_COLLECTIONS:
        return ["/v1/*"]
    few = sorted(f"#{c}:{cell}" for c, cells in by_collection.items() if c not in whole for cell in cells)
    if len(few) > 1000:
        return ["/v1/*"]
    return [f"/v1/collections/{c}/*" for c in whole] + few


def reference(records):
    numbers = "".join(record["dynamodb"]["SequenceNumber"] for record in records)
    return hashlib.sha256(numbers.encode()).hexdigest()


def granted(table, now, count, budget):
    """Takes `count` paths from the month's budget; False if it has not so many left."""
    if count > budget:
        return False
    try:
        table.update_item(
            Key={"month": now.strftime("%Y-%m")},
            UpdateExpression="ADD spent :count SET expires = :expires",
            ConditionExpression="attribute_not_exists(spent) OR spent <= :most",
            ExpressionAttributeValues={
                ":count": count,
                ":most": budget - count,
                ":expires": int(now.timestamp()) + 400 * 86400,
            },
        )
        return True
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise


def settle(records, now, sleep):
    newest = max(record["dynamodb"]["ApproximateCreationDateTime"] for record in records)
    sleep(min(SETTLE_S, max(0.0, newest + SETTLE_S + 1 - now)))  # The stream's times are whole seconds.


def purge(records, table, cloudfront, now, sleep):
    asked = paths(records)
    if not asked:
        return {"paths": 0}
    budget = int(os.environ["BUDGET"])
    for wanted in (asked, ["/v1/*"]):
        if granted(table, now, len(wanted), budget):
            settle(records, now.timestamp(), sleep)
            batch = {"CallerReference": reference(records), "Paths": {"Quantity": len(wanted), "Items": wanted}}
            cloudfront.create_invalidation(DistributionId=os.environ["DISTRIBUTION"], InvalidationBatch=batch)
            return {"paths": len(wanted)}
    return {"over_budget": len(asked)}


def handler(event, context):
    table = boto3.resource("dynamodb").Table(os.environ["BUDGET_TABLE"])
    now = datetime.now(UTC)
    print(json.dumps(purge(event["Records"], table, boto3.client("cloudfront"), now, time.sleep)))
    return {"batchItemFailures": []}
