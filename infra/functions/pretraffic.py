"""CodeDeploy's check before traffic: may users see the new version?

The version itself is invoked, by number, with the health check and with a search that nothing can answer wrongly. What it
must not do is decide by itself that all is well: anything unexpected, an exception too, is reported as Failed.
"""

import json
import os

import boto3

HEALTH = "/health"
COLLECTIONS = "/v1/collections"


def http_event(path):
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "pretraffic.invalid", "accept": "*/*"},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "pretraffic",
            "domainName": "pretraffic.invalid",
            "domainPrefix": "pretraffic",
            "http": {
                "method": "GET",
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "pretraffic",
            },
            "requestId": "pretraffic",
            "routeKey": "$default",
            "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": 1767225600000,
        },
        "isBase64Encoded": False,
    }


def answer(client, version, event):
    result = client.invoke(FunctionName=version, Payload=json.dumps(event).encode())
    body = json.loads(result["Payload"].read())
    if result.get("FunctionError"):
        raise RuntimeError(f"{result['FunctionError']}: {body}")
    return body


def complaints(client, version):
    for path in (HEALTH, COLLECTIONS):
        got = answer(client, version, http_event(path))
        if got.get("statusCode") != 200:
            yield f"{path} answered {got.get('statusCode')}: {str(got.get('body'))[:300]}"
    report = answer(client, version, {"instruction": "warmer"})
    if "cold" not in report:
        yield f"the warmer answered {report}"


def verdict(client, version):
    try:
        found = list(complaints(client, version))
    except Exception as error:  # whatever it is, users must not see this version
        found = [str(error)]
    print(json.dumps({"version": version, "complaints": found}))
    return "Failed" if found else "Succeeded"


def handler(event, context):
    boto3.client("codedeploy").put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"],
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status=verdict(boto3.client("lambda"), os.environ["NEW_VERSION"]),
    )
