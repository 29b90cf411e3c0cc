"""Imports of files: what the bucket, the queue and the worker have to agree on (docs/adr/0035)."""

from __future__ import annotations

from collections.abc import Iterator

from cellar_infra.checks.contract import IMPORTER, contract, variables
from cellar_infra.checks.model import Bundle, Finding, Json, dig, ref, rule, text_of

TEMPLATE = "imports"
DAY_S = 86_400
# "Creating and configuring an Amazon SQS event source mapping": the queue hides a message for six times the function's time.
TIMES = 6
LEAST_RECEIVES = 5
UPLOADS, REJECTS = "uploads/", "rejects/"


def resource(bundle: Bundle, name: str) -> Json:
    """The properties of a resource of the template."""
    return dig(bundle.sources, TEMPLATE, "Resources", name, "Properties") or {}


@rule
def messages_come_again_after_the_worker(bundle: Bundle) -> Iterator[Finding]:
    queue, worker = resource(bundle, "Queue"), resource(bundle, "Importer")
    hidden, takes = queue.get("VisibilityTimeout", 30), worker.get("Timeout", 3)
    if not 60 <= takes <= 900:
        yield Finding(
            TEMPLATE, "Importer", f"Timeout {takes}: a file is read again in each invocation; allowed: 60 to 900"
        )
    if hidden < TIMES * takes:
        yield Finding(
            TEMPLATE, "Queue", f"VisibilityTimeout {hidden} is less than {TIMES} times the worker's {takes} s"
        )


@rule
def what_fails_is_kept(bundle: Bundle) -> Iterator[Finding]:
    queue, worker = resource(bundle, "Queue"), resource(bundle, "Importer")
    redrive = queue.get("RedrivePolicy") or {}
    if redrive.get("deadLetterTargetArn") != {"Fn::GetAtt": ["DeadLetters", "Arn"]}:
        yield Finding(TEMPLATE, "Queue", "messages that nobody can carry out come for ever: no dead letters")
    receives = redrive.get("maxReceiveCount", 0)
    if receives < LEAST_RECEIVES:
        yield Finding(TEMPLATE, "Queue", f"maxReceiveCount {receives}; a throttled worker alone takes {LEAST_RECEIVES}")
    told = dig(worker, "Environment", "Variables", "CELLAR_IMPORT_RECEIVES")
    if str(told) != str(receives):
        yield Finding(
            TEMPLATE,
            "Importer",
            f"is told of {told} receives, the queue has {receives}: jobs would not be told to have failed",
        )
    kept, dead = (resource(bundle, name).get("MessageRetentionPeriod", 4 * DAY_S) for name in ("Queue", "DeadLetters"))
    if dead <= kept:
        yield Finding(
            TEMPLATE, "DeadLetters", "keeps letters no longer than the queue, from whose first day they count"
        )


@rule
def a_worker_has_one_file(bundle: Bundle) -> Iterator[Finding]:
    mapping = resource(bundle, "Messages")
    if mapping.get("EventSourceArn") != {"Fn::GetAtt": ["Queue", "Arn"]} or mapping.get("FunctionName") != ref(
        "Importer"
    ):
        yield Finding(TEMPLATE, "Messages", "does not lead from the queue to the worker")
    if mapping.get("BatchSize") != 1:
        yield Finding(TEMPLATE, "Messages", "the time of an invocation is that of one file: BatchSize must be 1")
    if mapping.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
        yield Finding(
            TEMPLATE, "Messages", "what the worker says to have failed would be lost: ReportBatchItemFailures"
        )
    if dig(mapping, "ScalingConfig", "MaximumConcurrency") != ref("MaxConcurrency"):
        yield Finding(TEMPLATE, "Messages", "nothing bounds how many files are imported at a time")
    if mapping.get("Enabled") is False:
        yield Finding(TEMPLATE, "Messages", "is switched off")


@rule
def files_arrive(bundle: Bundle) -> Iterator[Finding]:
    """The bucket tells the queue of files, and of nothing that the worker writes itself."""
    bucket = resource(bundle, "Files")
    told = dig(bucket, "NotificationConfiguration", "QueueConfigurations") or []
    if len(told) != 1 or told[0].get("Queue") != {"Fn::GetAtt": ["Queue", "Arn"]}:
        yield Finding(TEMPLATE, "Files", "does not tell the queue of files")
    for one in told:
        if not str(one.get("Event")).startswith("s3:ObjectCreated:"):
            yield Finding(TEMPLATE, "Files", f"tells of {one.get('Event')}")
        if dig(one, "Filter", "S3Key", "Rules") != [{"Name": "prefix", "Value": UPLOADS}]:
            yield Finding(TEMPLATE, "Files", f"must tell of {UPLOADS} only")
    statements = dig(resource(bundle, "QueuePolicy"), "PolicyDocument", "Statement") or []
    allowed = [one for one in statements if one.get("Effect") == "Allow"]
    name = text_of(bucket.get("BucketName"))
    for one in allowed:
        source = text_of(dig(one, "Condition", "ArnEquals", "aws:SourceArn"))
        if one.get("Principal") != {"Service": "s3.amazonaws.com"} or not name or not source.endswith(f":::{name}"):
            yield Finding(TEMPLATE, "QueuePolicy", "lets others than the bucket send messages")
        if dig(one, "Condition", "StringEquals", "aws:SourceAccount") != ref("AWS::AccountId"):
            yield Finding(TEMPLATE, "QueuePolicy", "a bucket of that name in another account could send messages")
    if not allowed:
        yield Finding(TEMPLATE, "QueuePolicy", "the bucket may not send messages")
    if dig(bundle.sources, TEMPLATE, "Resources", "Files", "DependsOn") != "QueuePolicy":
        yield Finding(TEMPLATE, "Files", "S3 tries the queue when the bucket is made: it needs the policy before")


@rule
def files_go(bundle: Bundle) -> Iterator[Finding]:
    """Not before the queue forgets, and not after weeks."""
    rules = dig(resource(bundle, "Files"), "LifecycleConfiguration", "Rules") or []
    days = {one.get("Prefix"): one.get("ExpirationInDays", 0) for one in rules if one.get("Status") == "Enabled"}
    least = resource(bundle, "Queue").get("MessageRetentionPeriod", 4 * DAY_S) / DAY_S
    for prefix in (UPLOADS, REJECTS):
        if not least < days.get(prefix, 0) <= 30:
            yield Finding(
                TEMPLATE,
                f"Files {prefix}",
                f"go after {days.get(prefix, 0)} days; allowed: more than {least:.0f}, at most 30",
            )
    if not any(dig(one, "AbortIncompleteMultipartUpload", "DaysAfterInitiation") for one in rules):
        yield Finding(TEMPLATE, "Files", "uploads in parts that were given up stay, and cost")
    for template, name, bucket in bundle.properties("AWS::S3::Bucket"):
        origins = dig(bucket, "CorsConfiguration", "CorsRules", 0, "AllowedOrigins")
        if "CorsConfiguration" in bucket and origins != ref("CorsOrigins"):
            yield Finding(template, name, "lets any web page send files")


@rule
def secure_transport_only(bundle: Bundle) -> Iterator[Finding]:
    for name in ("QueuePolicy", "FilesPolicy"):
        statements = dig(resource(bundle, name), "PolicyDocument", "Statement") or []
        if not any(
            one.get("Effect") == "Deny" and dig(one, "Condition", "Bool", "aws:SecureTransport") == "false"
            for one in statements
        ):
            yield Finding(TEMPLATE, name, "allows requests without TLS")


@rule
def the_worker_is_told_what_it_reads(bundle: Bundle) -> Iterator[Finding]:
    worker = resource(bundle, "Importer")
    if (worker.get("Runtime"), worker.get("Handler")) != ("provided.al2023", "bootstrap"):
        yield Finding(TEMPLATE, "Importer", "a Rust binary is `bootstrap` on provided.al2023")
    if worker.get("Architectures") != [ref("Architecture")]:
        yield Finding(TEMPLATE, "Importer", "does not follow Architecture")
    if dig(worker, "LoggingConfig", "LogGroup") != ref("Logs") or dig(worker, "LoggingConfig", "LogFormat") != "JSON":
        yield Finding(TEMPLATE, "Importer", "needs its own log group, and logs JSON")
    if "VpcConfig" in worker:
        yield Finding(TEMPLATE, "Importer", "is inside of the network, from which neither S3 nor SQS is reached")
    told, read = dig(worker, "Environment", "Variables") or {}, variables(IMPORTER)
    needed = {
        one["name"]
        for one in contract()["variables"]
        if IMPORTER in one["read_by"] and one.get("required") and one["name"].startswith("CELLAR_")
    }
    for variable in sorted(set(told) - read):
        yield Finding(TEMPLATE, "Importer", f"does not read {variable}")
    for variable in sorted(needed - set(told)):
        yield Finding(TEMPLATE, "Importer", f"is not told {variable}")
    expected = {"CELLAR_TABLE": ref("TableName"), "CELLAR_IMPORT_QUEUE_URL": ref("Queue")}
    for variable, value in expected.items():
        if variable in told and told[variable] != value:
            yield Finding(TEMPLATE, f"Importer {variable}", f"must be {value}")
    if told.get("CELLAR_IMPORT_BUCKET") != resource(bundle, "Files").get("BucketName"):
        yield Finding(TEMPLATE, "Importer CELLAR_IMPORT_BUCKET", "is not the bucket")


@rule
def the_function_signs_for_the_bucket(bundle: Bundle) -> Iterator[Finding]:
    """What is signed is allowed to whoever signs: the function's role needs what its clients do."""
    wanted = {"s3:PutObject": UPLOADS, "s3:GetObject": REJECTS}
    prefix = text_of(resource(bundle, "Files").get("BucketName")).removesuffix("${AWS::Region}")
    found: dict[str, str] = {}
    for policy in dig(bundle.sources, "function", "Resources", "Role", "Properties", "Policies") or []:
        for statement in dig(policy, "PolicyDocument", "Statement") or []:
            if isinstance(statement.get("Action"), str) and statement["Action"] in wanted:
                found[statement["Action"]] = text_of(statement.get("Resource"))
    for action, folder in wanted.items():
        if found.get(action) != f"arn:${{AWS::Partition}}:s3:::{prefix}*/{folder}*":
            yield Finding(
                "function", "Role", f"{action} must be of {folder} in the buckets for files, and of nothing else"
            )
    variable = dig(
        bundle.sources,
        "function",
        "Resources",
        "Function",
        "Properties",
        "Environment",
        "Variables",
        "CELLAR_IMPORT_BUCKET",
    )
    if variable != ref("ImportBucket"):
        yield Finding("function", "Function CELLAR_IMPORT_BUCKET", "must be the parameter ImportBucket")
