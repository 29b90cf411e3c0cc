"""The HTTP API: leads to the alias, within limits, and nowhere around the names."""

from __future__ import annotations

from collections.abc import Iterator

from cellar_infra.checks.model import Bundle, Finding, dig, ref, rule, text_of

# Bytes of a position in a log would be personal data.
PRIVATE = ("$context.identity.sourceIp", "$context.path", "$context.identity.userAgent", "queryString", "routeKey")


@rule
def permissions_are_for_the_alias(bundle: Bundle) -> Iterator[Finding]:
    for template, name, permission in bundle.properties("AWS::Lambda::Permission", expanded=True):
        target = permission.get("FunctionName")
        qualified = target == ref("AliasArn") or "Alias" in str(dig(target, "Ref")) or text_of(target).endswith(":live")
        if not qualified:
            yield Finding(template, name, "is for the unqualified function, but what is invoked is the alias `live`")
        if not permission.get("SourceArn"):
            yield Finding(template, name, "lets every account's API in: no SourceArn")
        if permission.get("Principal") == "*":
            yield Finding(template, name, "lets everybody in")


@rule
def apis(bundle: Bundle) -> Iterator[Finding]:
    permitted = [p for _, _, p in bundle.properties("AWS::Lambda::Permission")]
    for template, name, api in bundle.properties("AWS::ApiGatewayV2::Api"):
        if api.get("DisableExecuteApiEndpoint") is not True:
            yield Finding(template, name, "can be reached beside its names")
        wanted = f"${{{name}}}/"
        if not any(
            wanted in text_of(p.get("SourceArn")) and p.get("Action") == "lambda:InvokeFunction" for p in permitted
        ):
            yield Finding(template, name, "may not invoke the function")
    for template, name, integration in bundle.properties("AWS::ApiGatewayV2::Integration"):
        if integration.get("IntegrationUri") != ref("AliasArn"):
            yield Finding(template, name, "does not invoke the alias")
        if integration.get("PayloadFormatVersion") != "2.0":
            yield Finding(template, name, "the function reads payload format 2.0")
    for template, name, route in bundle.properties("AWS::ApiGatewayV2::Route"):
        if route.get("RouteKey") != "$default":
            yield Finding(template, name, "routes are the function's business: $default")


@rule
def stages(bundle: Bundle) -> Iterator[Finding]:
    for template, name, stage in bundle.properties("AWS::ApiGatewayV2::Stage"):
        limits = stage.get("DefaultRouteSettings", {})
        if not limits.get("ThrottlingRateLimit") or not limits.get("ThrottlingBurstLimit"):
            yield Finding(template, name, "has no limit")
        if stage.get("StageName") != "$default" or stage.get("AutoDeploy") is not True:
            yield Finding(
                template, name, "must be $default and deploy by itself, or paths get a prefix and changes wait"
            )
        log = str(dig(stage, "AccessLogSettings", "Format") or "")
        if not log:
            yield Finding(template, name, "writes no access log")
        for private in PRIVATE:
            if private in log:
                yield Finding(template, name, f"logs {private}")
    for template, name, domain in bundle.properties("AWS::ApiGatewayV2::DomainName"):
        settings = dig(domain, "DomainNameConfigurations", 0) or {}
        if settings.get("EndpointType") != "REGIONAL" or settings.get("SecurityPolicy") != "TLS_1_2":
            yield Finding(template, name, "must be regional, with TLS 1.2")
        mapped = [
            m for _, _, m in bundle.properties("AWS::ApiGatewayV2::ApiMapping") if m.get("DomainName") == ref(name)
        ]
        if not mapped:
            yield Finding(template, name, "leads to no API")
