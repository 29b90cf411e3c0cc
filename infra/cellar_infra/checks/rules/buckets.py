"""Buckets are closed, encrypted, and forget."""

from __future__ import annotations

from collections.abc import Iterator

from cellar_infra.checks.model import Bundle, Finding, dig, rule, text_of

BLOCKS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
# The longest name that our parameter allows, and the longest of a region (ap-southeast-1).
LONGEST = {"${Name}": "n" * 20, "${AWS::AccountId}": "0" * 12, "${AWS::Region}": "ap-southeast-1"}


@rule
def closed(bundle: Bundle) -> Iterator[Finding]:
    for template, name, bucket in bundle.properties("AWS::S3::Bucket"):
        if not all(dig(bucket, "PublicAccessBlockConfiguration", block) is True for block in BLOCKS):
            yield Finding(template, name, "may become public")
        if not dig(bucket, "BucketEncryption", "ServerSideEncryptionConfiguration"):
            yield Finding(template, name, "says nothing of encryption")
        if not dig(bucket, "LifecycleConfiguration", "Rules"):
            yield Finding(template, name, "keeps everything for ever")


@rule
def names_fit(bundle: Bundle) -> Iterator[Finding]:
    limits = {
        ("AWS::S3::Bucket", "BucketName"): 63,
        ("AWS::Lambda::Function", "FunctionName"): 64,
        ("AWS::Scheduler::Schedule", "Name"): 64,
        ("AWS::ElastiCache::ServerlessCache", "ServerlessCacheName"): 40,
        ("AWS::CloudFront::Function", "Name"): 64,
        ("AWS::CloudFront::KeyValueStore", "Name"): 64,
        ("AWS::SQS::Queue", "QueueName"): 80,
    }
    for (kind, key), most in limits.items():
        for template, name, properties in bundle.properties(kind, expanded=True):
            text = text_of(properties.get(key))
            for part, value in LONGEST.items():
                text = text.replace(part, value)
            if len(text) > most:
                yield Finding(template, name, f"{key} may have {len(text)} characters; allowed: {most}")
