"""Single faults, of the kind that people make in templates: typos, wrong references, things left out, defaults misunderstood.

Each is put into the templates by itself and must be found. They are not made from the rules: those that nothing finds stay in
the list, and the test counts them.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from cellar_infra.checks.model import Template

DELETE = object()


@dataclass(frozen=True)
class Fault:
    """One change of one template."""

    what: str
    template: str
    path: str
    value: Any = DELETE

    def put_into(self, template: Template) -> Template:
        """The template with the fault; an error if nothing changed."""
        changed = copy.deepcopy(template)
        *way, last = [int(step) if step.isdigit() else step for step in self.path.split("/")]
        node: Any = changed
        for step in way:
            node = node[step]
        if self.value is DELETE:
            del node[last]
        else:
            node[last] = self.value
        if changed == template:
            raise ValueError(f"{self.what}: nothing changed")
        return changed


def at(resource: str, path: str = "") -> str:
    """A path of a resource's properties."""
    return f"Resources/{resource}/Properties/{path}".rstrip("/")


CONFIG = at("Distribution", "DistributionConfig")
FUNCTION = at("Function")
STATEMENTS = at("Role", "Policies/0/PolicyDocument/Statement")
HEALTH = at("HealthCheck", "HealthCheckConfig")
CHANGES = f"{FUNCTION}/Events/Changes/Properties"

# One line each, so that they can be read as a list.
# fmt: off
TABLE_FAULTS = [
    Fault("key attribute misspelt", "table", at("Table", "KeySchema/0/AttributeName"), "id"),
    Fault("attribute of the index not defined", "table", at("Table", "AttributeDefinitions/2")),
    Fault("key attribute a number", "table", at("Table", "AttributeDefinitions/0/AttributeType"), "N"),
    Fault("unused attribute defined", "table", at("Table", "AttributeDefinitions/2/AttributeName"), "leafs"),
    Fault("sort key of the index left out", "table", at("Table", "GlobalSecondaryIndexes/0/KeySchema/1")),
    Fault("index named otherwise", "table", at("Table", "GlobalSecondaryIndexes/0/IndexName"), "by-cell"),
    Fault("index projects keys only", "table", at("Table", "GlobalSecondaryIndexes/0/Projection/ProjectionType"), "KEYS_ONLY"),
    Fault("no stream", "table", at("Table", "StreamSpecification")),
    Fault("stream without old images", "table", at("Table", "StreamSpecification/StreamViewType"), "NEW_IMAGE"),
    Fault("no replica in the stack's region", "table", at("Table", "Replicas/0")),
    Fault("a replica without point-in-time recovery", "table", at("Table", "Replicas/1/Fn::If/1/PointInTimeRecoverySpecification")),
    Fault("a replica without deletion protection", "table", at("Table", "Replicas/2/Fn::If/1/DeletionProtectionEnabled"), False),
    Fault("replica under the wrong condition", "table", at("Table", "Replicas/2/Fn::If/0"), "HasRegion2"),
    Fault("the same region twice", "table", at("Table", "Replicas/3/Fn::If/1/Region"), {"Ref": "Region2"}),
    Fault("secret not copied to a region", "table", at("WriteToken", "ReplicaRegions/2")),
    Fault("protection off by default", "table", "Parameters/DeletionProtection/Default", "false"),
    Fault("table deleted with its stack", "table", "Resources/Table/DeletionPolicy", "Delete"),
    Fault("bucket kept by a creation that failed", "backup", "Resources/Exports/DeletionPolicy", "Retain"),
    Fault("billing misspelt", "table", at("Table", "BillingMode"), "ON_DEMAND"),
    Fault("provisioned without capacity", "table", at("Table", "BillingMode"), "PROVISIONED"),
    Fault("output of a resource that is not there", "table", "Outputs/TableArn/Value", {"Fn::GetAtt": ["Tables", "Arn"]}),
    Fault("output renamed", "table", "Outputs/TableName", DELETE),
]

NETWORK_FAULTS = [
    Fault("engine that is not serverless", "network", at("Cache", "Engine"), "memcache"),
    Fault("engine memcached, which has no scripts", "network", at("Cache", "Engine"), "memcached"),
    Fault("engine version with a patch level", "network", at("Cache", "MajorEngineVersion"), "8.0.1"),
    Fault("both subnets in one zone", "network", at("SubnetB", "AvailabilityZone/Fn::Select/0"), {"Ref": "ZoneA"}),
    Fault("both subnets with one range", "network", at("SubnetB", "CidrBlock/Fn::Select/0"), 0),
    Fault("cache open to addresses", "network", at("CacheFromFunction"), {"GroupId": {"Ref": "CacheGroup"}, "IpProtocol": "tcp", "FromPort": 6379, "ToPort": 6380, "CidrIp": "0.0.0.0/0"}),
    Fault("wrong port", "network", at("CacheFromFunction", "FromPort"), 6378),
    Fault("nothing reaches the cache", "network", "Resources/CacheFromFunction"),
    Fault("function may not leave to the cache", "network", "Resources/FunctionToCache"),
    Fault("gateway of S3 instead of DynamoDB", "network", at("TableGateway", "ServiceName/Fn::Sub"), "com.amazonaws.${AWS::Region}.s3"),
    Fault("gateway without routes", "network", at("TableGateway", "RouteTableIds")),
    Fault("subnet without the route table", "network", "Resources/RoutesB"),
    Fault("gateway forbids Query", "network", at("TableGateway", "PolicyDocument/Statement/0/Action/5")),
    Fault("plain Redis URL", "network", "Outputs/RedisUrl/Value/Fn::Sub", "redis://${Cache.Endpoint.Address}:${Cache.Endpoint.Port}"),
    Fault("URL of one node", "network", "Outputs/RedisUrl/Value/Fn::Sub", "rediss://${Cache.Endpoint.Address}:${Cache.Endpoint.Port}"),
    Fault("no DNS in the network", "network", at("Vpc", "EnableDnsSupport"), False),
    Fault("no limit of the cache's size", "network", at("Cache", "CacheUsageLimits/DataStorage")),
    Fault("unit misspelt", "network", at("Cache", "CacheUsageLimits/DataStorage/Unit"), "GiB"),
]

FUNCTION_FAULTS = [
    Fault("runtime that is gone", "function", f"{FUNCTION}/Runtime", "provided.al1"),
    Fault("x86 forgotten: architecture fixed", "function", f"{FUNCTION}/Architectures", ["arm64"]),
    Fault("architecture misspelt", "function", f"{FUNCTION}/Architectures/0", "aarch64"),
    Fault("no alias", "function", f"{FUNCTION}/AutoPublishAlias"),
    Fault("new code not published", "function", f"{FUNCTION}/AutoPublishCodeSha256"),
    Fault("no alarms in the rollout", "function", f"{FUNCTION}/DeploymentPreference/Alarms"),
    Fault("hook not one that CodeDeploy may invoke", "function", at("PreTraffic", "FunctionName/Fn::Sub"), "${Name}-pretraffic"),
    Fault("hook asks the old version", "function", at("PreTraffic", "Environment/Variables/NEW_VERSION"), {"Ref": "Function"}),
    Fault("deployment type misspelt", "function", "Parameters/DeploymentType/Default", "Canary10Percent5Minute"),
    Fault("stream read by the unqualified function", "gateway", at("MayInvoke", "FunctionName"), "cellar"),
    Fault("whole batches fail", "function", f"{CHANGES}/FunctionResponseTypes"),
    Fault("no bisection", "function", f"{CHANGES}/BisectBatchOnFunctionError", False),
    Fault("retries for ever", "function", f"{CHANGES}/MaximumRetryAttempts", -1),
    Fault("no destination for failures", "function", f"{CHANGES}/DestinationConfig"),
    Fault("starting position misspelt", "function", f"{CHANGES}/StartingPosition", "OLDEST"),
    Fault("more parallel than allowed", "function", f"{CHANGES}/ParallelizationFactor", 11),
    Fault("batch larger than allowed", "function", f"{CHANGES}/BatchSize", 100000),
    Fault("longer than the HTTP API waits", "function", "Parameters/TimeoutS/MaxValue", 900),
    Fault("memory below Lambda's least", "function", "Parameters/MemoryMb/Default", 64),
    Fault("variable misspelt", "function", f"{FUNCTION}/Environment/Variables/CELLAR_TABEL", {"Ref": "TableName"}),
    Fault("variable left out", "function", f"{FUNCTION}/Environment/Variables/CELLAR_WRITE_TOKEN"),
    Fault("longest radius left to its default", "function", f"{FUNCTION}/Environment/Variables/CELLAR_MAX_RADIUS_M"),
    Fault("longest radius a constant", "function", f"{FUNCTION}/Environment/Variables/CELLAR_MAX_RADIUS_M", "100000"),
    Fault("longest radius beyond half the globe", "function", "Parameters/MaxRadiusM/MaxValue", 40000000),
    Fault("secret in clear text", "function", f"{FUNCTION}/Environment/Variables/CELLAR_WRITE_TOKEN", "0123456789abcdef"),
    Fault("links begin with another name", "function", f"{FUNCTION}/Environment/Variables/CELLAR_PUBLIC_URL", {"Fn::Sub": "https://origin.${Domain}"}),
    Fault("links over HTTP", "function", f"{FUNCTION}/Environment/Variables/CELLAR_PUBLIC_URL", {"Fn::Sub": "http://${Domain}"}),
    Fault("links without a name", "function", f"{FUNCTION}/Environment/Variables/CELLAR_PUBLIC_URL"),
    Fault("pages that may read named", "function", f"{FUNCTION}/Environment/Variables/CELLAR_CORS_ORIGINS", "https://example.com"),
    Fault("reserved variable", "function", f"{FUNCTION}/Environment/Variables/AWS_REGION", "eu-west-1"),
    Fault("warmer invokes another version", "function", at("Warmer", "Target/Arn"), {"Fn::GetAtt": ["Function", "Arn"]}),
    Fault("rate singular", "function", at("Warmer", "ScheduleExpression"), "rate(5 minute)"),
    Fault("rate in seconds", "function", at("Warmer", "ScheduleExpression"), "rate(30 seconds)"),
    Fault("cron of five fields", "function", at("Warmer", "ScheduleExpression"), "cron(*/5 * * * *)"),
    Fault("instruction misspelt", "function", at("Warmer", "Target/Input"), '{"instruction":"warmup"}'),
    Fault("input no JSON", "function", at("Warmer", "Target/Input"), "{instruction: warmer}"),
    Fault("flexible window without minutes", "function", at("Warmer", "FlexibleTimeWindow"), {"Mode": "FLEXIBLE"}),
    Fault("logs kept for ever", "function", at("Logs", "RetentionInDays")),
    Fault("log days that do not exist", "function", at("Logs", "RetentionInDays"), 31),
    Fault("logs of another function", "function", f"{FUNCTION}/LoggingConfig/LogGroup", "/aws/lambda/other"),
    Fault("one instance", "function", "Parameters/ReservedConcurrency/Default", 1),
    Fault("warmer every five days", "function", at("Warmer", "ScheduleExpression"), "rate(5 days)"),
    Fault("function outside the network", "function", f"{FUNCTION}/VpcConfig"),
    Fault("output renamed that another stack needs", "function", "Outputs/AliasArn"),
    Fault("parameter that nobody gives", "function", "Parameters/Stage", {"Type": "String"}),
    Fault("invoke permission for the pre-traffic check missing", "function", at("PreTrafficRole", "Policies/0/PolicyDocument/Statement/0")),
]

ROLE_FAULTS = [
    Fault("action misspelt", "function", f"{STATEMENTS}/0/Action/0", "dynamodb:BatchWriteItems"),
    Fault("action of no service", "function", f"{STATEMENTS}/0/Action/0", "dynamo:BatchWriteItem"),
    Fault("all resources", "function", f"{STATEMENTS}/0/Resource", "*"),
    Fault("all actions", "function", f"{STATEMENTS}/0/Action", "dynamodb:*"),
    Fault("search on the table, not on the index", "function", f"{STATEMENTS}/1/Resource/0/Fn::Sub", "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${TableName}"),
    Fault("no search by a second category", "function", f"{STATEMENTS}/1/Resource/2"),
    Fault("deletes forgotten", "function", f"{STATEMENTS}/0/Action/1"),
    Fault("stream not readable", "function", f"{STATEMENTS}/2"),
    Fault("ARN without a region", "function", f"{STATEMENTS}/0/Resource/Fn::Sub", "arn:${AWS::Partition}:dynamodb::${AWS::AccountId}:table/${TableName}"),
    Fault("trusts everybody", "function", at("Role", "AssumeRolePolicyDocument/Statement/0/Principal"), "*"),
    Fault("scheduler of any account", "backup", at("ExportRole", "AssumeRolePolicyDocument/Statement/0/Condition")),
    Fault("backup's role bound by a key that may not be there", "backup", at("BackupRole", "AssumeRolePolicyDocument/Statement/0/Condition"), {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}),
    Fault("interfaces in any subnet", "function", f"{STATEMENTS}/5/Fn::If/1/Resource", "*"),
    Fault("interfaces of any account deleted", "function", f"{STATEMENTS}/6/Fn::If/1/Resource", "*"),
    Fault("interfaces cannot be deleted", "function", f"{STATEMENTS}/6"),
    Fault("trust misspelt", "function", at("Role", "AssumeRolePolicyDocument/Statement/0/Principal/Service"), "lambdas.amazonaws.com"),
    Fault("policy version misspelt", "function", at("Role", "Policies/0/PolicyDocument/Version"), "2012-10-18"),
    Fault("two functions share a role", "function", at("PreTraffic", "Role"), {"Fn::GetAtt": ["Role", "Arn"]}),
]

DOOR_FAULTS = [
    Fault("permission without the alias", "gateway", at("MayInvoke", "FunctionName"), {"Fn::Sub": "${Name}"}),
    Fault("permission for every API", "gateway", at("MayInvoke", "SourceArn")),
    Fault("no permission", "gateway", "Resources/MayInvoke"),
    Fault("payload format 1.0", "gateway", at("Integration", "PayloadFormatVersion"), "1.0"),
    Fault("integration waits 31 s", "gateway", at("Integration", "TimeoutInMillis"), 31000),
    Fault("edge-optimized name", "gateway", at("OriginName", "DomainNameConfigurations/0/EndpointType"), "EDGE"),
    Fault("TLS 1.0", "gateway", at("OriginName", "DomainNameConfigurations/0/SecurityPolicy"), "TLS_1_0"),
    Fault("name without a mapping", "gateway", "Resources/SpareMapping"),
    Fault("stage with a prefix", "gateway", at("Stage", "StageName"), "prod"),
    Fault("no throttling", "gateway", at("Stage", "DefaultRouteSettings")),
    Fault("users' addresses logged", "gateway", at("Stage", "AccessLogSettings/Format"), '{"ip":"$context.identity.sourceIp"}'),
    Fault("health check every 20 s", "gateway", f"{HEALTH}/RequestInterval", 20),
    Fault("health check of the shared name", "gateway", f"{HEALTH}/FullyQualifiedDomainName/Fn::Sub", "origin.${Domain}"),
    Fault("health path misspelt", "gateway", f"{HEALTH}/ResourcePath", "/healthz"),
    Fault("text that is never there", "gateway", f"{HEALTH}/SearchString", '"status": "ok"'),
    Fault("text without string match", "gateway", f"{HEALTH}/Type", "HTTPS"),
    Fault("two checkers' regions", "gateway", f"{HEALTH}/Regions", ["us-east-1", "eu-west-1"]),
    Fault("checkers where there are none", "gateway", f"{HEALTH}/Regions", ["us-east-1", "eu-west-1", "eu-central-1"]),
    Fault("one deep ping in ten", "function", "Parameters/DeepPingPercent/Default", 10),
    Fault("threshold of 11", "gateway", f"{HEALTH}/FailureThreshold", 11),
    Fault("record without SetIdentifier", "names", at("Origin", "SetIdentifier")),
    Fault("the same SetIdentifier in all regions", "names", at("Origin", "SetIdentifier"), "origin"),
    Fault("SetIdentifier with the neighbour's name", "names", at("Spare", "SetIdentifier"), {"Fn::Sub": "${AWS::Region}-to-${NextSpareTarget}"}),
    Fault("SetIdentifier of the public name a parameter", "edge", at("Ipv4", "SetIdentifier"), {"Ref": "Name"}),
    Fault("record without health check", "names", at("Origin", "HealthCheckId")),
    Fault("spare follows the wrong region's health", "names", at("Spare", "HealthCheckId"), {"Ref": "HealthCheckId"}),
    Fault("spare leads to the same region", "names", at("Spare", "AliasTarget/DNSName"), {"Ref": "OriginTarget"}),
    Fault("alias and TTL", "names", at("Origin", "TTL"), "60"),
    Fault("latency record as a plain one", "names", at("Origin", "Region")),
    Fault("name that the CDN does not ask", "names", at("Origin", "Name/Fn::Sub"), "api.${Domain}"),
    Fault("record of the wrong type", "names", at("Origin", "Type"), "CNAME"),
]

CDN_FAULTS = [
    Fault("function at the wrong event", "edge", f"{CONFIG}/CacheBehaviors/1/FunctionAssociations/0/EventType", "origin-request"),
    Fault("function at the response", "edge", f"{CONFIG}/CacheBehaviors/1/FunctionAssociations/0/EventType", "viewer-response"),
    Fault("function not attached", "edge", f"{CONFIG}/CacheBehaviors/1/FunctionAssociations"),
    Fault("function with a syntax error", "edge", at("Canonical", "FunctionCode"), "async function handler(event) { return event.request; "),
    Fault("function too large", "edge", at("Canonical", "FunctionCode"), "// x\n" * 3000),
    Fault("longest radius of the CDN a constant", "edge", at("Canonical", "FunctionCode/Fn::Join/1/1"), "200000"),
    Fault("longest radius of the CDN another parameter", "edge", at("Canonical", "FunctionCode/Fn::Join/1/1"), {"Ref": "LogDays"}),
    Fault("longest radius of the CDN another default", "edge", "Parameters/MaxRadiusM/Default", 100000),
    Fault("runtime 1.0", "edge", at("Canonical", "FunctionConfig/Runtime"), "cloudfront-js-1.0"),
    Fault("no KeyValueStore", "edge", at("Canonical", "FunctionConfig/KeyValueStoreAssociations")),
    Fault("function not published", "edge", at("Canonical", "AutoPublish"), False),
    Fault("MinTTL over MaxTTL", "edge", at("AsTheOriginSays", "CachePolicyConfig/MinTTL"), 100000),
    Fault("MinTTL over no-store", "edge", at("AsTheOriginSays", "CachePolicyConfig/MinTTL"), 1),
    Fault("MaxTTL of a minute", "edge", at("AsTheOriginSays", "CachePolicyConfig/MaxTTL"), 60),
    Fault("queries not in the key", "edge", at("AsTheOriginSays", "CachePolicyConfig/ParametersInCacheKeyAndForwardedToOrigin/QueryStringsConfig/QueryStringBehavior"), "none"),
    Fault("brotli not in the key", "edge", at("AsTheOriginSays", "CachePolicyConfig/ParametersInCacheKeyAndForwardedToOrigin/EnableAcceptEncodingBrotli"), False),
    Fault("cookies in the key", "edge", at("AsTheOriginSays", "CachePolicyConfig/ParametersInCacheKeyAndForwardedToOrigin/CookiesConfig/CookieBehavior"), "all"),
    Fault("tag header misspelt", "edge", f"{CONFIG}/CacheTagConfig/HeaderName", "Cache-Tags"),
    Fault("no tags", "edge", f"{CONFIG}/CacheTagConfig"),
    Fault("failover on 505", "edge", f"{CONFIG}/OriginGroups/Items/0/FailoverCriteria/StatusCodes/Items/3", 505),
    Fault("failover without 503", "edge", f"{CONFIG}/OriginGroups/Items/0/FailoverCriteria/StatusCodes", {"Quantity": 3, "Items": [500, 502, 504]}),
    Fault("wrong quantity", "edge", f"{CONFIG}/OriginGroups/Items/0/FailoverCriteria/StatusCodes/Quantity", 3),
    Fault("member that is no origin", "edge", f"{CONFIG}/OriginGroups/Items/0/Members/Items/1/OriginId", "second"),
    Fault("the same member twice", "edge", f"{CONFIG}/OriginGroups/Items/0/Members/Items/1/OriginId", "nearest"),
    Fault("one member", "edge", f"{CONFIG}/OriginGroups/Items/0/Members", {"Quantity": 1, "Items": [{"OriginId": "nearest"}]}),
    Fault("writes to a group", "edge", f"{CONFIG}/CacheBehaviors/5/TargetOriginId", "nearest-or-spare"),
    Fault("target misspelt", "edge", f"{CONFIG}/CacheBehaviors/0/TargetOriginId", "write"),
    Fault("searches do not fail over", "edge", f"{CONFIG}/CacheBehaviors/1/TargetOriginId", "nearest"),
    Fault("writes without PUT", "edge", f"{CONFIG}/CacheBehaviors/0/AllowedMethods", ["GET", "HEAD", "OPTIONS"]),
    Fault("impossible methods", "edge", f"{CONFIG}/CacheBehaviors/0/AllowedMethods", ["GET", "HEAD", "PUT"]),
    Fault("writes cached", "edge", f"{CONFIG}/CacheBehaviors/5/CachePolicyId", {"Ref": "AsTheOriginSays"}),
    Fault("tokens not sent on", "edge", f"{CONFIG}/CacheBehaviors/0/OriginRequestPolicyId", {"Ref": "Trace"}),
    Fault("behavior for items gone", "edge", f"{CONFIG}/CacheBehaviors/0"),
    Fault("pattern of searches misspelt", "edge", f"{CONFIG}/CacheBehaviors/1/PathPattern", "/v1/collection/*/nearby"),
    Fault("plain HTTP", "edge", f"{CONFIG}/CacheBehaviors/0/ViewerProtocolPolicy", "allow-all"),
    Fault("policy misspelt", "edge", f"{CONFIG}/CacheBehaviors/0/ViewerProtocolPolicy", "https"),
    Fault("old TLS", "edge", f"{CONFIG}/ViewerCertificate/Fn::If/1/MinimumProtocolVersion", "TLSv1"),
    Fault("no alias name", "edge", f"{CONFIG}/Aliases"),
    Fault("errors kept for ten seconds", "edge", f"{CONFIG}/CustomErrorResponses/0"),
    Fault("origin over HTTP", "edge", f"{CONFIG}/Origins/0/CustomOriginConfig/OriginProtocolPolicy", "http-only"),
    Fault("CDN gives up on writes early", "edge", f"{CONFIG}/Origins/2/CustomOriginConfig/OriginReadTimeout", 5),
    Fault("hosted zone of another service", "edge", at("Ipv4", "AliasTarget/HostedZoneId"), "Z2BJ6XQ5FK7U4H"),
    Fault("no IPv6 record", "edge", "Resources/Ipv6"),
    Fault("log bucket without ACLs", "edge", at("Logs", "OwnershipControls/Rules/0/ObjectOwnership"), "BucketOwnerEnforced"),
    Fault("searches without preflights", "edge", f"{CONFIG}/CacheBehaviors/1/AllowedMethods", ["GET", "HEAD"]),
    Fault("documents without preflights", "edge", f"{CONFIG}/DefaultCacheBehavior/AllowedMethods", ["GET", "HEAD"]),
    Fault("preflights kept by the CDN", "edge", f"{CONFIG}/CacheBehaviors/1/CachedMethods", ["GET", "HEAD", "OPTIONS"]),
    Fault("origin of a page not sent on", "edge", at("Trace", "OriginRequestPolicyConfig/HeadersConfig/Headers/3")),
    Fault("method of a preflight misspelt", "edge", at("Trace", "OriginRequestPolicyConfig/HeadersConfig/Headers/4"), "Access-Control-Requested-Method"),
    Fault("browsers not told from programs", "edge", at("Trace", "OriginRequestPolicyConfig/HeadersConfig/Headers/2")),
    Fault("headers forwarded to nobody", "edge", f"{CONFIG}/CacheBehaviors/2/OriginRequestPolicyId"),
    Fault("CDN lets all pages in", "edge", at("Headers", "ResponseHeadersPolicyConfig/CorsConfig"), {"AccessControlAllowCredentials": False, "AccessControlAllowHeaders": {"Items": ["*"]}, "AccessControlAllowMethods": {"Items": ["ALL"]}, "AccessControlAllowOrigins": {"Items": ["*"]}, "OriginOverride": False}),
    Fault("CDN takes Vary away", "edge", at("Headers", "ResponseHeadersPolicyConfig/RemoveHeadersConfig"), {"Items": [{"Header": "Vary"}]}),
    Fault("CDN forbids pages to load", "edge", at("Headers", "ResponseHeadersPolicyConfig/SecurityHeadersConfig/ContentSecurityPolicy/Override"), True),
    Fault("managed policy's id with a typo", "edge", f"{CONFIG}/CacheBehaviors/0/CachePolicyId", "4135ea2d-6df8-44a3-9df3-4b5a84be39ae"),
]

WATCH_FAULTS = [
    Fault("canary's name in capitals", "watch", at("Canary", "Name/Fn::Sub"), "${Name}-User"),
    Fault("canary's name with a dot", "watch", at("Canary", "Name"), "cellar.user"),
    Fault("canary every 90 minutes", "watch", at("Canary", "Schedule/Expression"), "rate(90 minutes)"),
    Fault("canary's handler misspelt", "watch", at("Canary", "Code/Handler"), "canary.main"),
    Fault("canary's script broken", "watch", at("Canary", "Code/Script"), "exports.handler = async () => {"),
    Fault("canary's runtime of a family that is gone", "watch", "Parameters/CanaryRuntime/Default", "syn-1.0"),
    Fault("canary's bucket not a URL", "watch", at("Canary", "ArtifactS3Location/Fn::Sub"), "${CanaryResults}"),
    Fault("metric misspelt", "watch", at("StreamBehind", "MetricName"), "IteratorAgeMilliseconds"),
    Fault("metric of a line that is not logged", "function", at("BreakerOpened", "FilterPattern"), '"the circuit breaker opens"'),
    Fault("metric counted under another name", "function", at("BreakerOpened", "MetricTransformations/0/MetricName"), "l2_breaker_open"),
    Fault("no network without a reason", "function", f"{FUNCTION}/VpcConfig/Fn::If/1/SecurityGroupIds"),
    Fault("domain left out of the gateways' condition", "gateway", "Resources/OriginName/Condition", "HasNoDomain"),
    Fault("CDN without certificate", "edge", f"{CONFIG}/ViewerCertificate/Fn::If/1", {"CloudFrontDefaultCertificate": True}),
    Fault("dimension missing", "watch", at("ReplicationSlow", "Dimensions/1")),
    Fault("dimension misspelt", "watch", at("DeadLetters", "Dimensions/0/Name"), "Queue"),
    Fault("alarm the wrong way round", "watch", at("CanaryFailed", "ComparisonOperator"), "GreaterThanThreshold"),
    Fault("nobody hears an alarm", "watch", at("Throttled", "AlarmActions")),
    Fault("more datapoints than periods", "watch", at("Slow", "DatapointsToAlarm"), 6),
    Fault("an alarm left out", "watch", "Resources/StreamBehind"),
    Fault("period of 45 s", "watch", at("Slow", "Period"), 45),
    Fault("dashboard's JSON broken", "alarms", at("Dashboard", "DashboardBody"), {"Fn::Sub": '{"widgets": [}'}),
    Fault("percentile misspelt", "watch", at("Slow", "ExtendedStatistic"), "99p"),
    Fault("threshold in seconds instead of milliseconds", "watch", at("StreamBehind", "Threshold"), 60),
    Fault("threshold a thousand times too high", "watch", "Parameters/P99Ms/Default", 500000),
    Fault("canary asks somebody else", "watch", at("Canary", "RunConfig/EnvironmentVariables/BASE_URL"), "https://example.org"),
    Fault("budget in euros", "alarms", at("Budget", "Budget/BudgetLimit/Unit"), "EUR"),
    Fault("health check of another region", "alarms", at("Region2Down", "Dimensions/0/Value"), {"Ref": "HealthCheck1"}),
    Fault("backup's cron of five fields", "backup", at("Plan", "BackupPlan/BackupPlanRule/0/ScheduleExpression"), "cron(0 3 * * *)"),
    Fault("cron with both days", "backup", at("WeeklyExport", "ScheduleExpression"), "cron(0 4 * * SUN *)"),
    Fault("export of another format", "backup", at("WeeklyExport", "Target/Input"), '{"TableArn": "t"'),
    Fault("public bucket", "backup", at("Exports", "PublicAccessBlockConfiguration/BlockPublicPolicy"), False),
    Fault("export may not write", "backup", at("ExportRole", "Policies/0/PolicyDocument/Statement/1")),
    Fault("export that cannot begin leaves no trace", "backup", at("WeeklyExport", "Target/DeadLetterConfig")),
    Fault("export's dead letters cannot be sent", "backup", at("ExportRole", "Policies/0/PolicyDocument/Statement/2")),
    Fault("export's dead letters are seen by nobody", "watch", "Resources/ExportNotBegun"),
    Fault("failed backups are seen by nobody", "watch", "Resources/BackupFailed"),
    Fault("backups of a metric that does not exist", "watch", at("BackupFailed", "Metrics/1/MetricStat/Metric/MetricName"), "BackupJobsFailed"),
    Fault("purge function may invalidate any distribution", "purge", at("Role", "Policies/0/PolicyDocument/Statement/0/Resource"), "*"),
    Fault("purge by path of another action", "purge", at("Role", "Policies/0/PolicyDocument/Statement/0/Action"), "cloudfront:CreateInvalidations"),
]

IMPORT_ROLE = at("Role", "Policies/0/PolicyDocument/Statement")
TOLD = at("Files", "NotificationConfiguration/QueueConfigurations/0")
KEPT = at("Files", "LifecycleConfiguration/Rules")
IMPORT_FAULTS = [
    Fault("message comes again while the worker works", "imports", at("Queue", "VisibilityTimeout"), 600),
    Fault("visibility left to its default", "imports", at("Queue", "VisibilityTimeout")),
    Fault("worker longer than the queue hides", "imports", at("Importer", "Timeout"), 900),
    Fault("worker's time left to its default", "imports", at("Importer", "Timeout")),
    Fault("no dead letters", "imports", at("Queue", "RedrivePolicy")),
    Fault("the queue is its own dead-letter queue", "imports", at("Queue", "RedrivePolicy/deadLetterTargetArn"), {"Fn::GetAtt": ["Queue", "Arn"]}),
    Fault("one receive only", "imports", at("Queue", "RedrivePolicy/maxReceiveCount"), 1),
    Fault("worker told of other receives", "imports", at("Queue", "RedrivePolicy/maxReceiveCount"), 6),
    Fault("dead letters go after four days", "imports", at("DeadLetters", "MessageRetentionPeriod"), 345600),
    Fault("imports' dead letters are seen by nobody", "watch", "Resources/ImportsLost"),
    Fault("queue in clear text", "imports", at("Queue", "SqsManagedSseEnabled"), False),
    Fault("ten files in one invocation", "imports", at("Messages", "BatchSize"), 10),
    Fault("what failed is lost", "imports", at("Messages", "FunctionResponseTypes")),
    Fault("as many workers as messages", "imports", at("Messages", "ScalingConfig")),
    Fault("fewer workers than the mapping allows", "imports", "Parameters/MaxConcurrency/Default", 1),
    Fault("mapping of the dead letters", "imports", at("Messages", "EventSourceArn"), {"Fn::GetAtt": ["DeadLetters", "Arn"]}),
    Fault("bucket tells nobody", "imports", at("Files", "NotificationConfiguration")),
    Fault("bucket tells of what the worker writes", "imports", f"{TOLD}/Filter"),
    Fault("event misspelt", "imports", f"{TOLD}/Event", "s3:ObjectCreate:*"),
    Fault("bucket tells of what goes", "imports", f"{TOLD}/Event", "s3:ObjectRemoved:*"),
    Fault("bucket before its queue's policy", "imports", "Resources/Files/DependsOn"),
    Fault("any bucket may send", "imports", at("QueuePolicy", "PolicyDocument/Statement/0/Condition/ArnEquals")),
    Fault("a bucket of another account may send", "imports", at("QueuePolicy", "PolicyDocument/Statement/0/Condition/StringEquals")),
    Fault("anybody may send", "imports", at("QueuePolicy", "PolicyDocument/Statement/0/Principal"), "*"),
    Fault("queue without TLS", "imports", at("QueuePolicy", "PolicyDocument/Statement/1")),
    Fault("bucket without TLS", "imports", at("FilesPolicy", "PolicyDocument/Statement/0/Condition/Bool"), {"aws:SecureTransport": "true"}),
    Fault("files public", "imports", at("Files", "PublicAccessBlockConfiguration/RestrictPublicBuckets"), False),
    Fault("files not encrypted", "imports", at("Files", "BucketEncryption")),
    Fault("files kept for ever", "imports", f"{KEPT}/0/ExpirationInDays"),
    Fault("files go before their messages", "imports", f"{KEPT}/0/ExpirationInDays", 1),
    Fault("lists kept for ever", "imports", f"{KEPT}/1"),
    Fault("uploads in parts stay", "imports", f"{KEPT}/0/AbortIncompleteMultipartUpload"),
    Fault("any web page may send files", "imports", at("Files", "CorsConfiguration/Fn::If/1/CorsRules/0/AllowedOrigins"), ["*"]),
    Fault("bucket kept by a creation that failed", "imports", "Resources/Files/DeletionPolicy", "Retain"),
    Fault("worker reads any bucket", "imports", f"{IMPORT_ROLE}/1/Resource", "*"),
    Fault("worker may not remove files", "imports", f"{IMPORT_ROLE}/1/Action", ["s3:GetObject"]),
    Fault("worker may not list rejected records", "imports", f"{IMPORT_ROLE}/2"),
    Fault("missing objects look forbidden", "imports", f"{IMPORT_ROLE}/3"),
    Fault("worker may not go on", "imports", f"{IMPORT_ROLE}/4/Action/4"),
    Fault("worker may not hide messages", "imports", f"{IMPORT_ROLE}/4/Action/0"),
    Fault("worker may not write places", "imports", f"{IMPORT_ROLE}/0/Action/0"),
    Fault("worker may do anything with the table", "imports", f"{IMPORT_ROLE}/0/Action", "dynamodb:*"),
    Fault("worker told of another queue", "imports", at("Importer", "Environment/Variables/CELLAR_IMPORT_QUEUE_URL"), {"Ref": "DeadLetters"}),
    Fault("worker told of another bucket", "imports", at("Importer", "Environment/Variables/CELLAR_IMPORT_BUCKET"), {"Fn::Sub": "${Name}-import-${AWS::AccountId}-${AWS::Region}"}),
    Fault("worker's table left out", "imports", at("Importer", "Environment/Variables/CELLAR_TABLE")),
    Fault("worker's variable misspelt", "imports", at("Importer", "Environment/Variables/CELLAR_IMPORT_RECEIVE"), "5"),
    Fault("worker's logs kept for ever", "imports", at("Logs", "RetentionInDays")),
    Fault("worker's logs elsewhere", "imports", at("Importer", "LoggingConfig")),
    Fault("worker's architecture fixed", "imports", at("Importer", "Architectures/0"), "x86_64"),
    Fault("disk larger than Lambda has", "imports", "Parameters/DiskMb/Default", 20480),
    Fault("function signs what it may not do", "function", f"{STATEMENTS}/8/Fn::If/1/Action", "s3:GetObject"),
    Fault("function may read the files", "function", f"{STATEMENTS}/9/Fn::If/1/Resource", {"Fn::Sub": "arn:${AWS::Partition}:s3:::${Name}-imports-${AWS::AccountId}-*/*"}),
    Fault("function told of no bucket", "function", f"{FUNCTION}/Environment/Variables/CELLAR_IMPORT_BUCKET"),
]

URL_FAULTS = [
    Fault("function URL open to all", "url", at("Url", "AuthType"), "NONE"),
    Fault("only InvokeFunctionUrl", "url", "Resources/MayInvokeToo"),
    Fault("only InvokeFunction", "url", "Resources/MayInvoke"),
    Fault("URL of the unqualified function", "url", at("Url", "Qualifier")),
    Fault("permission without the alias", "url", at("MayInvoke", "FunctionName"), {"Ref": "Name"}),
    Fault("OAC that does not sign", "url", at("Access", "OriginAccessControlConfig/SigningBehavior"), "never"),
    Fault("OAC of S3", "url", at("Access", "OriginAccessControlConfig/OriginAccessControlOriginType"), "s3"),
]

# fmt: on
FAULTS = [
    *TABLE_FAULTS,
    *NETWORK_FAULTS,
    *FUNCTION_FAULTS,
    *ROLE_FAULTS,
    *DOOR_FAULTS,
    *CDN_FAULTS,
    *WATCH_FAULTS,
    *IMPORT_FAULTS,
    *URL_FAULTS,
]
