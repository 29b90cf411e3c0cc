"""CodeDeploy's check before traffic: only a version that answers as it should may be seen."""

import io
import json

import pytest

from tests.fakes import load

GOOD = {"/health": 200, "/v1/collections": 200}


class Lambda:
    """The new version."""

    def __init__(self, statuses, warmer=None, error=None):
        self.statuses, self.warmer, self.error, self.asked = statuses, warmer or {"cold": True}, error, []

    def invoke(self, FunctionName, Payload):
        event = json.loads(Payload)
        self.asked.append(FunctionName)
        body = self.warmer if "instruction" in event else {"statusCode": self.statuses[event["rawPath"]], "body": "{}"}
        return {
            "Payload": io.BytesIO(json.dumps(body).encode()),
            **({"FunctionError": self.error} if self.error else {}),
        }


@pytest.fixture
def pretraffic(monkeypatch):
    return load("pretraffic", monkeypatch)


def test_a_good_version_passes_and_is_asked_by_number(pretraffic):
    client = Lambda(GOOD)
    assert pretraffic.verdict(client, "arn:f:7") == "Succeeded"
    assert set(client.asked) == {"arn:f:7"}
    assert len(client.asked) == 3


@pytest.mark.parametrize(
    "client",
    [
        Lambda({**GOOD, "/health": 503}),
        Lambda({**GOOD, "/v1/collections": 500}),
        Lambda(GOOD, warmer={"errorMessage": "no"}),
        Lambda(GOOD, error="Unhandled"),
        Lambda({}),
    ],
)
def test_anything_else_fails(pretraffic, client):
    assert pretraffic.verdict(client, "arn:f:7") == "Failed"


def test_codedeploy_is_told(pretraffic, monkeypatch):
    told = {}

    class CodeDeploy:
        def put_lifecycle_event_hook_execution_status(self, **arguments):
            told.update(arguments)

    monkeypatch.setenv("NEW_VERSION", "arn:f:7")
    pretraffic.boto3.client = lambda name: CodeDeploy() if name == "codedeploy" else Lambda(GOOD)
    pretraffic.handler({"DeploymentId": "d", "LifecycleEventHookExecutionId": "e"}, None)
    assert told == {"deploymentId": "d", "lifecycleEventHookExecutionId": "e", "status": "Succeeded"}
