"""The table has the keys that the API asks for, and every replica is protected alike."""

from __future__ import annotations

from collections.abc import Iterator

from cellar_infra.checks import source
from cellar_infra.checks.model import Bundle, Finding, Json, dig, ref, rule

TABLE = "AWS::DynamoDB::GlobalTable"


def keys(schema: Json) -> list[tuple[str, str]]:
    return [(key.get("AttributeName"), key.get("KeyType")) for key in schema or []]


def expected() -> tuple[str, list[tuple[str, str]], list[tuple[str, str]]]:
    """Index name, keys of the table and of the index, from the source that creates tables."""
    table = "api/src/store/table.rs"
    key, root, leaf = (source.constant(table, name) for name in ("KEY", "ROOT", "LEAF"))
    return source.constant(table, "INDEX"), [(key, "HASH")], [(root, "HASH"), (leaf, "RANGE")]


@rule
def keys_are_those_of_the_api(bundle: Bundle) -> Iterator[Finding]:
    index, table_keys, index_keys = expected()
    for template, name, table in bundle.properties(TABLE):
        if keys(table.get("KeySchema")) != table_keys:
            yield Finding(template, name, f"the key is not {table_keys}")
        found = {i.get("IndexName"): i for i in table.get("GlobalSecondaryIndexes", [])}
        if list(found) != [index] or keys(found[index].get("KeySchema")) != index_keys:
            yield Finding(template, name, f"the index is not `{index}` with {index_keys}")
        elif dig(found[index], "Projection", "ProjectionType") != "ALL":
            yield Finding(template, name, f"`{index}` does not project all attributes")
        defined = sorted(
            (a.get("AttributeName"), a.get("AttributeType")) for a in table.get("AttributeDefinitions", [])
        )
        if defined != sorted((attribute, "S") for attribute, _ in table_keys + index_keys):
            yield Finding(template, name, "attribute definitions are not the key attributes, each a text")


@rule
def stream_and_billing(bundle: Bundle) -> Iterator[Finding]:
    for template, name, resource in bundle.of_type(TABLE):
        table = resource.get("Properties", {})
        if dig(table, "StreamSpecification", "StreamViewType") != "NEW_AND_OLD_IMAGES":
            yield Finding(template, name, "caches are cleared by a stream with new and old images")
        if table.get("BillingMode") != "PAY_PER_REQUEST":
            yield Finding(template, name, "is not billed by request")
        if resource.get("DeletionPolicy") != "RetainExceptOnCreate" or resource.get("UpdateReplacePolicy") != "Retain":
            yield Finding(template, name, "would be deleted with its stack")
        for path in (
            ("WriteOnDemandThroughputSettings",),
            ("GlobalSecondaryIndexes", 0, "WriteOnDemandThroughputSettings"),
        ):
            if not dig(table, *path):
                yield Finding(template, name, f"no bound on what writes cost ({path[-1]})")


def replicas(table: Json) -> list[Json]:
    """Each replica, those under a condition too."""
    found = []
    for replica in table.get("Replicas", []):
        found.append(replica["Fn::If"][1] if "Fn::If" in replica else replica)
    return found


@rule
def every_replica_is_protected(bundle: Bundle) -> Iterator[Finding]:
    for template, name, table in bundle.properties(TABLE):
        found = replicas(table)
        if not any(replica.get("Region") == ref("AWS::Region") for replica in found):
            yield Finding(template, name, "no replica in the stack's own region, which CloudFormation requires")
        for number, replica in enumerate(found):
            if dig(replica, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled") is not True:
                yield Finding(template, f"{name} replica {number}", "no point-in-time recovery")
            if replica.get("DeletionProtectionEnabled") != ref("DeletionProtection"):
                yield Finding(template, f"{name} replica {number}", "deletion protection does not follow the parameter")
        shapes = [{key: value for key, value in replica.items() if key != "Region"} for replica in found]
        if any(shape != shapes[0] for shape in shapes):
            yield Finding(template, name, "replicas are not set alike")


@rule
def protection_is_the_default(bundle: Bundle) -> Iterator[Finding]:
    for template, _, _ in bundle.of_type(TABLE):
        if dig(bundle.sources[template], "Parameters", "DeletionProtection", "Default") != "true":
            yield Finding(template, "DeletionProtection", "is off unless somebody thinks of it")


@rule
def replica_slots(bundle: Bundle) -> Iterator[Finding]:
    """Each further region has a parameter, and its condition is that this parameter is set."""
    for template, name, table in bundle.properties(TABLE):
        for replica in table.get("Replicas", []):
            if "Fn::If" not in replica:
                continue
            condition, then, _ = replica["Fn::If"]
            parameter = dig(then, "Region", "Ref")
            if dig(bundle.sources[template], "Conditions", condition) != {
                "Fn::Not": [{"Fn::Equals": [ref(parameter), ""]}]
            }:
                yield Finding(template, f"{name} {parameter}", f"condition {condition} is not that {parameter} is set")
        regions = [dig(replica, "Region", "Ref") for replica in replicas(table)]
        if len(set(regions)) != len(regions):
            yield Finding(template, name, f"a region is there twice: {regions}")
        secrets = list(bundle.properties("AWS::SecretsManager::Secret"))
        for where, secret, properties in secrets:
            copies = [dig(copy, "Fn::If", 1, "Region", "Ref") for copy in properties.get("ReplicaRegions", [])]
            if copies != regions[1:]:
                yield Finding(where, secret, f"is copied to {copies}, but the table to {regions[1:]}")
