"""The table has the keys that the API asks for, and every replica is protected alike."""

from __future__ import annotations

from collections.abc import Iterator

from cellar_infra.checks.contract import contract
from cellar_infra.checks.model import Bundle, Finding, Json, dig, ref, rule

TABLE = "AWS::DynamoDB::GlobalTable"


def keys(schema: Json) -> list[tuple[str, str]]:
    return [(key.get("AttributeName"), key.get("KeyType")) for key in schema or []]


def key_of(schema: Json) -> list[tuple[str, str]]:
    """The key of a table or of an index in the contract."""
    return [(part["name"], part["role"]) for part in schema["key"]]


@rule
def keys_are_those_of_the_api(bundle: Bundle) -> Iterator[Finding]:
    schema = contract()["table"]
    table_keys, attributes = key_of(schema), sorted((a["name"], a["type"]) for a in schema["attributes"])
    indexes = {index["name"]: (key_of(index), index["projection"]) for index in schema["indexes"]}
    for template, name, table in bundle.properties(TABLE):
        if keys(table.get("KeySchema")) != table_keys:
            yield Finding(template, name, f"the key is not {table_keys}")
        found = {
            index.get("IndexName"): (keys(index.get("KeySchema")), dig(index, "Projection", "ProjectionType"))
            for index in table.get("GlobalSecondaryIndexes", [])
        }
        if found != indexes:
            yield Finding(template, name, f"the indexes are {found}, not {indexes}")
        defined = sorted(
            (a.get("AttributeName"), a.get("AttributeType")) for a in table.get("AttributeDefinitions", [])
        )
        if defined != attributes:
            yield Finding(template, name, f"the attribute definitions are not those of the keys, {attributes}")
        expires = dig(table, "TimeToLiveSpecification", "AttributeName")
        if expires != schema["time_to_live"]:
            yield Finding(template, name, f"items expire by {expires}, not by {schema['time_to_live']}")


@rule
def stream_and_billing(bundle: Bundle) -> Iterator[Finding]:
    for template, name, resource in bundle.of_type(TABLE):
        table = resource.get("Properties", {})
        if dig(table, "StreamSpecification", "StreamViewType") != contract()["table"]["stream"]:
            yield Finding(template, name, "caches are cleared by a stream with new and old images")
        if table.get("BillingMode") != contract()["table"]["billing"]:
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
