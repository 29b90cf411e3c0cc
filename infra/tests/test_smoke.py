"""The points that only AWS can prove, against answers that a deployment would give."""

import json

import pytest

from cellar_infra.deploy.apply import Deployment
from cellar_infra.deploy.aws import Aws, AwsError
from cellar_infra.deploy.config import read
from cellar_infra.deploy.smoke import POINTS, Reply, Smoke, smoke

WELL = {
    "cloudfront get-distribution-config": {"DistributionConfig": {"CacheTagConfig": {"HeaderName": "Cache-Tag"}}},
    "secretsmanager get-secret-value": {"SecretString": "s" * 48},
    "lambda get-alias": {"FunctionVersion": "3"},
    "deploy list-deployments": {"deployments": ["d-1"]},
    "deploy get-deployment": {"deploymentInfo": {"status": "Succeeded"}},
    "synthetics get-canary-runs": {"CanaryRuns": [{"Status": {"State": "PASSED"}}]},
    "dynamodb describe-table": {"Table": {"TableStatus": "ACTIVE", "LatestStreamArn": "arn:stream"}},
    "lambda list-event-source-mappings": {"EventSourceMappings": [{"State": "Enabled"}]},
    "ce get-cost-and-usage": {"ResultsByTime": [{"Total": {"UnblendedCost": {"Amount": "1.42"}}}]},
    "cloudformation describe-stack-resources": {
        "StackResources": [
            {"ResourceType": "AWS::CodeDeploy::Application", "PhysicalResourceId": "application"},
            {"ResourceType": "AWS::CodeDeploy::DeploymentGroup", "PhysicalResourceId": "group"},
            {"ResourceType": "AWS::CloudFront::Function", "PhysicalResourceId": "cellar-canonical"},
        ]
    },
}
OUTPUTS = ("DistributionId", "DistributionDomain", "ApiName", "TableName")


class Answers(Aws):
    def __init__(self, told):
        super().__init__()
        self.told = WELL | told

    def ask(self, *arguments):
        if arguments[1] == "describe-stacks":
            return {
                "Stacks": [
                    {
                        "StackStatus": "CREATE_COMPLETE",
                        "Outputs": [{"OutputKey": one, "OutputValue": one.lower()} for one in OUTPUTS],
                    }
                ]
            }
        answer = self.told[" ".join(arguments[:2])]
        if answer is None:
            raise AwsError(["aws", *arguments], "AccessDenied")
        return answer


class Service:
    """The API behind a CDN that keeps cell answers until `purge_s` after a write."""

    def __init__(self, purge_s=15, redis="ok", bad_latitude=400, spare=200):
        self.purge_s, self.redis, self.bad_latitude, self.spare = purge_s, redis, bad_latitude, spare
        self.at, self.written_at, self.place, self.kept, self.deleted = 0.0, 0.0, "", None, []

    def send(self, method, url, headers, body):
        if "lat=91" in url:
            return Reply(self.bad_latitude, {"x-cache": "Error from cloudfront"})
        if "/health" in url:
            assert "spare." in url or headers["x-cellar-health-check"]
            return Reply(self.spare if "spare." in url else 200, {}, json.dumps({"redis": self.redis}))
        if method == "DELETE":
            self.deleted.append(url)
        elif method == "PUT":
            self.place, self.written_at = body or self.place, self.at
            return Reply(201)
        if self.kept is None or (self.kept != self.place and self.at - self.written_at >= self.purge_s):
            self.kept = self.place
            return Reply(200, {"x-cache": "Miss from cloudfront"}, self.kept)
        return Reply(200, {"x-cache": "Hit from cloudfront"}, self.kept)

    def now(self):
        return self.at

    def sleep(self, seconds):
        self.at += seconds


def run(account, capsys, service=None, skipped=(), **told):
    service = service or Service()
    deployment = Deployment(
        read(account.config, {}),
        Answers({name.replace("__", " ").replace("_", "-"): one for name, one in told.items()}),
    )
    asked = Smoke(deployment, service.send, service.now, service.sleep)
    code = smoke(deployment, list(skipped), as_json=True, asked=asked)
    return code, json.loads(capsys.readouterr().out)


def test_a_deployment_that_is_well(account, capsys):
    service = Service()
    code, found = run(account, capsys, service)
    assert code == 0
    assert {name: one["state"] for name, one in found.items()} == dict.fromkeys(POINTS, "pass") | {"bill": "open"}
    assert found["purge"]["evidence"] == "tags in Cache-Tag; a change was seen through the CDN after 15 s"
    assert len(service.deleted) == 2


@pytest.mark.parametrize(
    ("point", "service", "told", "evidence"),
    [
        ("purge", {"purge_s": 1000}, {}, "after 120 s the CDN does not show the second version"),
        ("purge", {}, {"cloudfront__get_distribution_config": {"DistributionConfig": {}}}, "has no CacheTagConfig"),
        ("failover", {"spare": 0}, {}, "https://spare.places.example.com/health: 0"),
        ("rollout", {}, {"lambda__get_alias": {"FunctionVersion": "$LATEST"}}, "version $LATEST"),
        ("rollout", {}, {"deploy__get_deployment": {"deploymentInfo": {"status": "Failed"}}}, "last rollout Failed"),
        ("function", {"bad_latitude": 503}, {}, "is a 503"),
        ("cache", {"redis": "failing"}, {}, "redis failing"),
        (
            "canary",
            {},
            {"synthetics__get_canary_runs": {"CanaryRuns": [{"Status": {"State": "FAILED"}}]}},
            "eu-west-1: FAILED",
        ),
        ("replicas", {}, {"lambda__list_event_source_mappings": {"EventSourceMappings": []}}, "stream read by nobody"),
        ("replicas", {}, {"lambda__list_event_source_mappings": None}, "failed: AccessDenied"),
    ],
)
def test_what_fails_is_told_with_its_evidence(account, capsys, point, service, told, evidence):
    code, found = run(account, capsys, Service(**service), **told)
    assert code == 1
    assert found[point]["state"] == "fail"
    assert evidence in found[point]["evidence"]


def test_what_cannot_be_said_yet_is_no_failure(account, capsys):
    code, found = run(
        account, capsys, deploy__list_deployments={"deployments": []}, synthetics__get_canary_runs={"CanaryRuns": []}
    )
    assert code == 0
    assert (found["rollout"]["state"], found["canary"]["state"]) == ("open", "open")


def test_points_can_be_left_out(account, capsys):
    _, found = run(account, capsys, skipped=["purge", "bill"])
    assert set(found) == set(POINTS) - {"purge", "bill"}
    assert account.run("smoke", "--skip", "taste").returncode == 2
