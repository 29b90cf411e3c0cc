"""Tells CloudFront to forget the cell answers that rest on places which changed, and its function the density maps that
changed. Reads the table's stream.

The rules are those of docs/EDGE.md, "When places change". Invariants: a purge leaves only when the index can tell the truth; a
batch that comes again has the same reference, which CloudFront bills once; a month costs no more than BUDGET paths.
"""

import hashlib
import hmac
import json
import os
import secrets
import time
import urllib.parse
import urllib.request
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


# Density maps: what the process that made a map wrote into the table goes into the KeyValueStore of the edge's function.
# Its requests are signed by SigV4A (it is in no region), for which the runtime's boto3 lacks a library.

MAP_KEY = "#edge-map#"
KVS_BATCH = 50  # Keys of one update, and of one part of the list (CloudFront quotas)
KVS_PARTS = 6000  # Parts of a list of a full store
ALGORITHM = "AWS4-ECDSA-P256-SHA256"
SERVICE = "cloudfront-keyvaluestore"

# P-256 (NIST SP 800-186, 3.2.1.3); points are (x, y), and None at infinity.
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def add(a, b):
    if a is None or b is None:
        return b if a is None else a
    (ax, ay), (bx, by) = a, b
    if ax == bx and (ay + by) % P == 0:
        return None
    slope = (3 * ax * ax - 3) * pow(2 * ay, -1, P) if a == b else (by - ay) * pow(bx - ax, -1, P)
    x = (slope * slope - ax - bx) % P
    return x, (slope * (ax - x) - ay) % P


def multiply(number, point):
    total = None
    while number:
        total = add(total, point) if number & 1 else total
        point, number = add(point, point), number >> 1
    return total


def signing_key(access_key, secret_key):
    """The private key of AWS credentials (SigV4A, NIST SP 800-108)."""
    for counter in range(1, 255):
        label = ALGORITHM.encode() + b"\0" + access_key.encode() + bytes([counter])
        fixed = (1).to_bytes(4, "big") + label + (256).to_bytes(4, "big")
        found = int.from_bytes(hmac.digest(b"AWS4A" + secret_key.encode(), fixed, "sha256"), "big")
        if found <= N - 2:
            return found + 1
    raise ValueError("no key")


def ecdsa(key, message, random=secrets.randbelow):
    """The signature of a message, in DER."""
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    while True:
        nonce = 1 + random(N - 1)
        r = multiply(nonce, G)[0] % N
        s = pow(nonce, -1, N) * (digest + r * key) % N
        if r and s:
            numbers = b"".join(der(2, n.to_bytes(n.bit_length() // 8 + 1, "big")) for n in (r, s))
            return der(48, numbers)


def der(tag, content):
    return bytes([tag, len(content)]) + content


def signed(method, url, body, credentials, now):
    """The headers of a request."""
    at, parts = now.strftime("%Y%m%dT%H%M%SZ"), urllib.parse.urlsplit(url)
    headers = {"host": parts.netloc, "x-amz-date": at, "x-amz-region-set": "*"}
    if credentials.token:
        headers["x-amz-security-token"] = credentials.token
    names = ";".join(sorted(headers))
    query = "&".join(sorted(parts.query.split("&")))
    lines = [method, urllib.parse.quote(parts.path), query, *(f"{name}:{headers[name]}" for name in sorted(headers))]
    request = "\n".join([*lines, "", names, hashlib.sha256(body).hexdigest()])
    scope = f"{at[:8]}/{SERVICE}/aws4_request"
    text = "\n".join([ALGORITHM, at, scope, hashlib.sha256(request.encode()).hexdigest()])
    signature = ecdsa(signing_key(credentials.access_key, credentials.secret_key), text.encode()).hex()
    credential = f"Credential={credentials.access_key}/{scope}"
    headers["authorization"] = f"{ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}"
    return headers


class KeyValueStore:
    """A key-value store by its ARN: its version, its rows, and updates that fail if somebody else wrote meanwhile."""

    def __init__(self, arn, credentials, send=urllib.request.urlopen):
        self.url = f"https://{arn.split(':')[4]}.cloudfront-kvs.global.api.aws/key-value-stores/{urllib.parse.quote(arn, safe='')}"
        self.credentials, self.send, self.version = credentials, send, None

    def ask(self, method, path, body=b"", version=None):
        headers = signed(method, self.url + path, body, self.credentials, datetime.now(UTC))
        if version is not None:
            headers |= {"if-match": version, "content-type": "application/json"}
        url = self.url + path
        request = urllib.request.Request(url, data=body or None, headers=headers, method=method)  # noqa: S310 - https, always
        with self.send(request, timeout=10) as answer:
            return answer.headers.get("ETag"), json.loads(answer.read() or b"{}")

    def rows(self, prefix):
        self.version, _ = self.ask("GET", "")
        rows, token = {}, ""
        for _ in range(KVS_PARTS):
            _, part = self.ask("GET", f"/keys?MaxResults={KVS_BATCH}{token}")
            rows |= {item["Key"]: item["Value"] for item in part.get("Items", []) if item["Key"].startswith(prefix)}
            if not part.get("NextToken"):
                return rows
            token = f"&NextToken={urllib.parse.quote(part['NextToken'], safe='')}"
        raise ValueError("the list of keys does not end")

    def update(self, puts, deletes):
        body = {"Puts": [{"Key": k, "Value": v} for k, v in puts], "Deletes": [{"Key": k} for k in deletes]}
        body = json.dumps({name: items for name, items in body.items() if items}).encode()
        self.version, _ = self.ask("POST", "/keys", body, self.version)


def newest_maps(records):
    """The rows of each collection whose map changed, by its last record; none where it was taken away."""
    found = {}
    for record in records:
        change = record["dynamodb"]
        key = change["Keys"]["pk"]["S"]
        if key.startswith(MAP_KEY):
            note = change.get("NewImage", {}).get("note", {}).get("S")
            found[key.removeprefix(MAP_KEY)] = json.loads(note).get("rows", {}) if note else {}
    return found


def copy_maps(records, store):
    """Makes the store hold the rows of the maps that changed. Rows that others lead to come first: the longer keys."""
    changed = 0
    for collection, rows in newest_maps(records).items():
        wanted = {f"{collection}:{key}": row for key, row in rows.items()}
        held = store.rows(f"{collection}:")
        gone = sorted(held.keys() - wanted.keys(), key=len)
        new = sorted((item for item in wanted.items() if held.get(item[0]) != item[1]), key=lambda item: -len(item[0]))
        for at in range(0, len(gone), KVS_BATCH):
            store.update([], gone[at : at + KVS_BATCH])
        for at in range(0, len(new), KVS_BATCH):
            store.update(new[at : at + KVS_BATCH], [])
        changed += len(gone) + len(new)
    return changed


def tell_maps(records):
    """A map is a hint: what fails here must not hold up purges, and the next map heals it."""
    if not newest_maps(records):
        return {}
    try:
        credentials = boto3.Session().get_credentials().get_frozen_credentials()
        return {"map_rows": copy_maps(records, KeyValueStore(os.environ["KEY_VALUE_STORE"], credentials))}
    except Exception as error:
        return {"maps_failed": f"{type(error).__name__}: {error}"}


def handler(event, context):
    table = boto3.resource("dynamodb").Table(os.environ["BUDGET_TABLE"])
    now = datetime.now(UTC)
    print(json.dumps(purge(event["Records"], table, boto3.client("cloudfront"), now, time.sleep)))
    if told := tell_maps(event["Records"]):
        print(json.dumps(told))
    return {"batchItemFailures": []}
