"""The functions: deployed with care, invoked by their alias, and every failure kept."""

from __future__ import annotations

from collections.abc import Iterator

from cellar_infra.checks.model import Bundle, Finding, Json, as_list, dig, ref, rule

FUNCTION = "AWS::Serverless::Function"
STREAM_DAY_S = 86_400


@rule
def timeouts_nest(bundle: Bundle) -> Iterator[Finding]:
    """A write (10 s by default) < the function < the HTTP API (30 s) = what the CDN waits for writes."""
    spec = dig(bundle.sources, "function", "Parameters", "TimeoutS") or {}
    waits = [i.get("TimeoutInMillis") for _, _, i in bundle.properties("AWS::ApiGatewayV2::Integration")]
    if waits != [30_000]:
        yield Finding(
            "gateway", "Integration", f"TimeoutInMillis {waits}; the HTTP API waits 30,000 ms at most, and should"
        )
    if not 10 < spec.get("MinValue", 0) <= spec.get("Default", 0) <= spec.get("MaxValue", 99) < 30:
        yield Finding(
            "function", "TimeoutS", "must be more than a write takes (10 s) and less than the HTTP API waits (30 s)"
        )
    for template, name, properties in bundle.properties("AWS::CloudFront::Distribution"):
        for origin in dig(properties, "DistributionConfig", "Origins") or []:
            read = dig(origin, "CustomOriginConfig", "OriginReadTimeout") or 0
            if origin.get("Id") == "writes" and read < 30:
                yield Finding(
                    template,
                    f"{name} writes",
                    f"OriginReadTimeout {read} gives up on writes that are under way; needed: 30",
                )
            if origin.get("Id") == "nearest" and not 3 <= read <= 10:
                yield Finding(
                    template, f"{name} nearest", f"OriginReadTimeout {read}; 3 to 10 s leave time for the spare region"
                )


@rule
def shape(bundle: Bundle) -> Iterator[Finding]:
    for template, name, function in bundle.properties(FUNCTION):
        group = dig(
            bundle.sources[template], "Resources", str(dig(function, "LoggingConfig", "LogGroup", "Ref")), "Type"
        )
        if group != "AWS::Logs::LogGroup" or not function.get("Role"):
            yield Finding(
                template, name, "needs its own log group and role; SAM's would keep logs for ever and allow too much"
            )
        if "CodeUri" not in function:
            continue
        if (function.get("Runtime"), function.get("Handler")) != ("provided.al2023", "bootstrap"):
            yield Finding(template, name, "a Rust binary is `bootstrap` on provided.al2023")
        if function.get("Architectures") != [ref("Architecture")] or function.get("AutoPublishCodeSha256") != ref(
            "CodeSha256"
        ):
            yield Finding(
                template, name, "does not follow Architecture and CodeSha256: new code would not be published"
            )
        if not function.get("ReservedConcurrentExecutions"):
            yield Finding(template, name, "no bound on instances")
        if function.get("Tracing") != "Active" or dig(function, "LoggingConfig", "LogFormat") != "JSON":
            yield Finding(template, name, "is not traced or does not log JSON")
        if not (dig(function, "VpcConfig", "SubnetIds") and dig(function, "VpcConfig", "SecurityGroupIds")):
            yield Finding(template, name, "is outside the network and cannot reach the cache")
    for template, name, group in bundle.properties("AWS::Logs::LogGroup"):
        if not group.get("RetentionInDays"):
            yield Finding(template, name, "keeps logs for ever")


@rule
def rollouts(bundle: Bundle) -> Iterator[Finding]:
    for template, name, function in bundle.properties(FUNCTION):
        if "CodeUri" not in function:
            continue
        if function.get("AutoPublishAlias") != "live" or function.get("AutoPublishAliasAllProperties") is not True:
            yield Finding(
                template,
                name,
                "must publish the alias `live` for changed settings too, or secrets and switches never arrive",
            )
        preference = function.get("DeploymentPreference") or {}
        if len(preference.get("Alarms", [])) < 2 or preference.get("Enabled") is False:
            yield Finding(template, name, "nothing stops a bad version: alarms for errors and for time are needed")
        yield from _hook(bundle, template, name, preference)
        for alarm in preference.get("Alarms", []):
            resource = dig(bundle.sources[template], "Resources", str(dig(alarm, "Ref"))) or {}
            dimensions = {d.get("Name"): d.get("Value") for d in dig(resource, "Properties", "Dimensions") or []}
            if dimensions.get("ExecutedVersion") != {"Fn::GetAtt": [name, "Version.Version"]}:
                yield Finding(template, str(dig(alarm, "Ref")), "does not look at the new version")


def _hook(bundle: Bundle, template: str, name: str, preference: Json) -> Iterator[Finding]:
    hook = dig(preference, "Hooks", "PreTraffic", "Ref")
    body = dig(bundle.sources[template], "Resources", str(hook), "Properties")
    if body is None:
        yield Finding(template, name, "no check before traffic")
    elif not str(dig(body, "FunctionName", "Fn::Sub")).startswith("CodeDeployHook_"):
        yield Finding(template, str(hook), "CodeDeploy's role may invoke CodeDeployHook_* only")
    elif dig(body, "Environment", "Variables", "NEW_VERSION") != ref(f"{name}.Version"):
        yield Finding(template, str(hook), "does not ask the new version")


@rule
def streams(bundle: Bundle) -> Iterator[Finding]:
    for template, name, mapping in bundle.properties("AWS::Lambda::EventSourceMapping", expanded=True):
        if template == "imports":  # Of a queue: rules/imports.py.
            continue
        if "Alias" not in str(dig(mapping, "FunctionName", "Ref")):
            yield Finding(template, name, "does not invoke the alias")
        if (
            mapping.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]
            or mapping.get("BisectBatchOnFunctionError") is not True
        ):
            yield Finding(template, name, "one bad record would hold up or lose a batch: bisect, and partial failures")
        retries, age = mapping.get("MaximumRetryAttempts", -1), mapping.get("MaximumRecordAgeInSeconds", -1)
        if not 1 <= retries <= 100 or not 60 <= age <= STREAM_DAY_S:
            yield Finding(
                template, name, f"retries {retries}, age {age}: one bad record would stop the shard for a day"
            )
        if not dig(mapping, "DestinationConfig", "OnFailure", "Destination"):
            yield Finding(template, name, "what is given up leaves no trace")
        if mapping.get("EventSourceArn") != ref("StreamArn"):
            yield Finding(template, name, "does not read the stream of this region's replica")
        if (mapping.get("BatchSize") or 0) > 100 and not mapping.get("MaximumBatchingWindowInSeconds"):
            yield Finding(template, name, "large batches need a window")


@rule
def asynchronous_failures(bundle: Bundle) -> Iterator[Finding]:
    """Scheduler's events are asynchronous: what fails would vanish."""
    for template, name, config in bundle.properties("AWS::Lambda::EventInvokeConfig", expanded=True):
        if not dig(config, "DestinationConfig", "OnFailure", "Destination"):
            yield Finding(template, name, "failed events leave no trace")
    configured = {template for template, _, _ in bundle.properties("AWS::Lambda::EventInvokeConfig", expanded=True)}
    for template, name, schedule in bundle.properties("AWS::Scheduler::Schedule"):
        target = dig(schedule, "Target", "Arn")
        if isinstance(target, dict) and "Fn::Sub" not in target:
            if "Alias" not in str(target):
                yield Finding(template, name, "does not invoke the alias, so it warms the wrong instances")
            if template not in configured:
                yield Finding(template, name, "failed events leave no trace")


@rule
def queues(bundle: Bundle) -> Iterator[Finding]:
    for template, name, queue in bundle.properties("AWS::SQS::Queue"):
        if queue.get("SqsManagedSseEnabled") is not True:
            yield Finding(template, name, "is not encrypted")
        if (queue.get("MessageRetentionPeriod") or 0) < 4 * STREAM_DAY_S:
            yield Finding(template, name, "forgets over a long weekend")
    for template, name, function in bundle.properties(FUNCTION):
        if as_list(dig(function, "Policies")):
            yield Finding(template, name, "has policies beside its role")
