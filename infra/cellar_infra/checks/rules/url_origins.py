"""Function URLs behind CloudFront. Ours use none (docs/adr/0013), but whoever adds one meets what lint does not see."""

from __future__ import annotations

from collections.abc import Iterator

from cellar_infra.checks.model import Bundle, Finding, rule

# Both since October 2025 (CloudFront developer guide, "Restrict access to an AWS Lambda function URL origin").
BOTH = {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}


@rule
def function_urls(bundle: Bundle) -> Iterator[Finding]:
    for template, name, url in bundle.properties("AWS::Lambda::Url", expanded=True):
        if url.get("AuthType") != "AWS_IAM":
            yield Finding(template, name, "anybody may call it past the CDN; AuthType must be AWS_IAM")
        if not url.get("Qualifier"):
            yield Finding(template, name, "is not the alias's")
        granted = {
            permission.get("Action")
            for where, _, permission in bundle.properties("AWS::Lambda::Permission", expanded=True)
            if where == template
            and permission.get("Principal") == "cloudfront.amazonaws.com"
            and permission.get("SourceArn")
        }
        if granted != BOTH:
            yield Finding(template, name, f"CloudFront needs {sorted(BOTH)} and has {sorted(granted)}")
        yield from _origin_access(bundle, template, name)


def _origin_access(bundle: Bundle, template: str, name: str) -> Iterator[Finding]:
    controls = [
        p.get("OriginAccessControlConfig", {}) for _, _, p in bundle.properties("AWS::CloudFront::OriginAccessControl")
    ]
    lambdas = [c for c in controls if c.get("OriginAccessControlOriginType") == "lambda"]
    if not any(c.get("SigningBehavior") == "always" and c.get("SigningProtocol") == "sigv4" for c in lambdas):
        yield Finding(template, name, "has no origin access control of type lambda that always signs with sigv4")
