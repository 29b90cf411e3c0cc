"""Alarms that can go off and that somebody hears; a dashboard of metrics that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from cellar_infra.checks.model import Bundle, Finding, Json, dig, ref, rule, text_of
from cellar_infra.render import REPOSITORY

ALARM = "AWS::CloudWatch::Alarm"
# Where the lines come from that templates count.
LOGGED = REPOSITORY / "cache/src/shared.rs"

# Namespace, metric and dimensions as each service's documentation lists them. A wrong name is no error in CloudWatch: such an alarm
# just never has data.
METRICS: dict[tuple[str, str], set[frozenset[str]]] = {}


def _metrics(namespace: str, names: str, *dimensions: str) -> None:
    for name in names.split():
        METRICS.setdefault((namespace, name), set()).update(
            frozenset(filter(None, one.split("+"))) for one in dimensions
        )


_metrics("AWS/ApiGateway", "Count 4xx 5xx Latency IntegrationLatency", "ApiId")
_metrics(
    "AWS/Lambda",
    "Errors Duration Throttles ConcurrentExecutions IteratorAge",
    "FunctionName",
    "FunctionName+Resource",
    "FunctionName+Resource+ExecutedVersion",
)
_metrics("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName")
_metrics("AWS/DynamoDB", "ReplicationLatency", "TableName+ReceivingRegion")
_metrics(
    "AWS/DynamoDB",
    "ReadThrottleEvents WriteThrottleEvents ConsumedReadCapacityUnits",
    "TableName",
    "TableName+GlobalSecondaryIndexName",
)
_metrics("AWS/DynamoDB", "SuccessfulRequestLatency", "TableName+Operation")
_metrics("AWS/ElastiCache", "CacheHits CacheMisses BytesUsedForCache", "clusterId")
_metrics(
    "AWS/Backup", "NumberOfBackupJobsFailed NumberOfBackupJobsAborted NumberOfBackupJobsExpired", "BackupVaultName"
)
_metrics("AWS/CloudFront", "5xxErrorRate", "DistributionId+Region")
_metrics("AWS/Route53", "HealthCheckStatus", "HealthCheckId")
_metrics("CloudWatchSynthetics", "SuccessPercent", "CanaryName")
# Of function.yaml, counted from the log.
_metrics("Cellar/${Name}", "l2_breaker_opened", "")

# What must be watched, by template (docs/OPERATIONS.md has a runbook for each).
NEEDED = {
    "watch": {
        "5xx",
        "Latency",
        "Throttles",
        "IteratorAge",
        "ApproximateNumberOfMessagesVisible",
        "ReplicationLatency",
        "l2_breaker_opened",
        "ReadThrottleEvents",
        "SuccessPercent",
        "NumberOfBackupJobsFailed",
    },
    "alarms": {"5xxErrorRate", "HealthCheckStatus"},
    "function": {"Errors", "Duration"},
}


def metrics(alarm: Json) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Each metric of an alarm, those of its expressions too."""
    for one in [alarm, *[dig(metric, "MetricStat", "Metric") or {} for metric in alarm.get("Metrics", [])]]:
        if "MetricName" in one:
            yield (
                text_of(one.get("Namespace")),
                one["MetricName"],
                frozenset(d.get("Name") for d in one.get("Dimensions", [])),
            )


def metric_fault(namespace: str, name: str, dimensions: frozenset[str]) -> str | None:
    if (namespace, name) not in METRICS:
        return f"there is no metric {namespace} {name}"
    if dimensions not in METRICS[namespace, name]:
        return f"{namespace} {name} has no data for {sorted(dimensions)}"
    return None


@rule
def metrics_exist(bundle: Bundle) -> Iterator[Finding]:
    seen: dict[str, set[str]] = {}
    for template, name, alarm in bundle.properties(ALARM):
        for metric in metrics(alarm):
            seen.setdefault(template, set()).add(metric[1])
            if fault := metric_fault(*metric):
                yield Finding(template, name, fault)
    for template, needed in NEEDED.items():
        for metric_name in sorted(needed - seen.get(template, set())):
            yield Finding(template, "alarms", f"nothing watches {metric_name}")


@rule
def own_metrics_are_written(bundle: Bundle) -> Iterator[Finding]:
    """Metrics of our own are counted from lines that the function logs."""
    counted: set[tuple[str, str]] = set()
    for template, name, counter in bundle.properties("AWS::Logs::MetricFilter"):
        line = str(counter.get("FilterPattern")).strip('"')
        if line not in LOGGED.read_text():
            yield Finding(template, name, f"the function does not log {line!r}")
        for one in counter.get("MetricTransformations", []):
            counted.add((text_of(one.get("MetricNamespace")), one.get("MetricName")))
    for template, name, alarm in bundle.properties(ALARM):
        for namespace, metric, _ in metrics(alarm):
            if namespace.startswith("Cellar") and (namespace, metric) not in counted:
                yield Finding(template, name, f"nothing counts {metric}")


@rule
def every_queue_is_watched(bundle: Bundle) -> Iterator[Finding]:
    """A dead-letter queue that nobody looks at is a place to lose things: its template gives the name to an alarm."""
    watched = sum(
        (namespace, name) == ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
        for _, _, alarm in bundle.properties(ALARM)
        for namespace, name, _ in metrics(alarm)
    )
    # A queue with dead letters is watched by those.
    queues = [one for one in bundle.properties("AWS::SQS::Queue") if "RedrivePolicy" not in one[2]]
    for template, name, _ in queues:
        if {"Fn::GetAtt": [name, "QueueName"]} not in [
            output.get("Value") for output in bundle.sources[template].get("Outputs", {}).values()
        ]:
            yield Finding(template, name, "has no output that an alarm could take")
    if watched < len(queues):
        yield Finding("watch", "alarms", f"{len(queues)} queues and {watched} alarms on them")


@rule
def alarms_are_heard(bundle: Bundle) -> Iterator[Finding]:
    rollback = {
        dig(alarm, "Ref")
        for _, _, function in bundle.properties("AWS::Serverless::Function")
        for alarm in dig(function, "DeploymentPreference", "Alarms") or []
    }
    for template, name, alarm in bundle.properties(ALARM):
        if name not in rollback and (
            alarm.get("AlarmActions") != [ref("Topic")] or alarm.get("ActionsEnabled") is False
        ):
            yield Finding(template, name, "nobody hears it")
        if not alarm.get("TreatMissingData") or not alarm.get("AlarmDescription"):
            yield Finding(template, name, "says neither what it means nor what silence means")
        if alarm.get("DatapointsToAlarm", 1) > alarm.get("EvaluationPeriods", 1):
            yield Finding(template, name, "can never go off: more datapoints than periods")
        if not re.fullmatch(r"p\d\d?(\.\d+)?", str(alarm.get("ExtendedStatistic", "p50"))):
            yield Finding(template, name, f"{alarm['ExtendedStatistic']!r} is no percentile such as p99")
        if not {"Statistic", "ExtendedStatistic", "Metrics"} & set(alarm):
            yield Finding(template, name, "has no statistic")
    for template, name, topic in bundle.properties("AWS::SNS::Topic"):
        if not any(s.get("Protocol") == "email" and s.get("Endpoint") for s in topic.get("Subscription", [])):
            yield Finding(template, name, "nobody subscribes")


@rule
def directions(bundle: Bundle) -> Iterator[Finding]:
    """Shares of success alarm when they fall, everything else when it rises."""
    falling = {"SuccessPercent", "HealthCheckStatus"}
    for template, name, alarm in bundle.properties(ALARM):
        names = {metric[1] for metric in metrics(alarm)}
        if ("LessThan" in str(alarm.get("ComparisonOperator"))) != bool(names & falling):
            yield Finding(
                template, name, f"{alarm.get('ComparisonOperator')} is the wrong way round for {sorted(names)}"
            )


@rule
def dashboards(bundle: Bundle) -> Iterator[Finding]:
    for template, name, dashboard in bundle.properties("AWS::CloudWatch::Dashboard"):
        try:
            # Members that the template joins are left out.
            body = json.loads(re.sub(r"\[\$\{\w+\}\]", "[]", text_of(dashboard.get("DashboardBody"))))
        except ValueError as error:
            yield Finding(template, name, f"is no JSON: {error}")
            continue
        for widget in body.get("widgets", []):
            for metric in dig(widget, "properties", "metrics") or []:
                if fault := metric_fault(*_named(metric)):
                    yield Finding(template, f"{name} {dig(widget, 'properties', 'title')}", fault)


SEARCH = re.compile(r"SEARCH\('\{(?P<namespace>[^,}]+),(?P<dimensions>[^}]+)\}.*MetricName=\"(?P<name>\w+)\"")


def _named(metric: list[Json]) -> tuple[str, str, frozenset[str]]:
    """What a line of a widget shows: a metric, or those that an expression looks for."""
    if isinstance(metric[0], str):
        return _flat(metric)
    found = SEARCH.search(str(metric[0].get("expression")))
    if found is None:
        return "", str(metric[0].get("expression")), frozenset()
    return found["namespace"], found["name"], frozenset(found["dimensions"].split(","))


def _flat(metric: list[Json]) -> tuple[str, str, frozenset[str]]:
    texts = [part for part in metric if isinstance(part, str)]
    return texts[0], texts[1], frozenset(texts[2::2])


@rule
def money(bundle: Bundle) -> Iterator[Finding]:
    budgets = list(bundle.properties("AWS::Budgets::Budget"))
    if not budgets:
        yield Finding("alarms", "Budget", "there is none")
    for template, name, budget in budgets:
        kinds = {dig(n, "Notification", "NotificationType") for n in budget.get("NotificationsWithSubscribers", [])}
        if kinds != {"ACTUAL", "FORECASTED"} or dig(budget, "Budget", "BudgetLimit", "Unit") != "USD":
            yield Finding(template, name, "must warn of what was and of what will be spent, in USD")
