"""Stands in for the AWS CLI: keeps stacks in a file, records every call, and fails where it is told to.

It knows no AWS beyond what infra/deploy asks of it. FAKE_AWS is its folder; the file `fail` in it holds texts of calls that fail,
one a line, each once.
"""

import json
import os
import re
import sys
from pathlib import Path


def folder():
    return Path(os.environ["FAKE_AWS"])


def load():
    path = folder() / "state.json"
    return json.loads(path.read_text()) if path.exists() else {"stacks": {}, "objects": [], "concurrency": {}}


def fail(text, status=254):
    print(text, file=sys.stderr)
    sys.exit(status)


def option(arguments, name):
    return arguments[arguments.index(name) + 1] if name in arguments else ""


def planned_failure(line):
    path = folder() / "fail"
    texts = path.read_text().splitlines() if path.exists() else []
    for text in texts:
        if text in line:
            path.write_text("\n".join(other for other in texts if other != text))
            return True
    return False


def outputs(template):
    block = re.search(r"^Outputs:\n((?:[ \n].*\n?)*)", template, re.MULTILINE)
    return re.findall(r"^  (\w+):", block[1], re.MULTILINE) if block else []


def deploy(state, arguments, key):
    template = Path(option(arguments, "--template-file")).read_text()
    given = arguments[arguments.index("--parameter-overrides") + 1 :]
    parameters = dict(one.split("=", 1) for one in given)
    old = state["stacks"].get(key)
    if old and old["StackStatus"] == "ROLLBACK_COMPLETE":
        fail("is in ROLLBACK_COMPLETE state and can not be updated.")
    if "--no-execute-changeset" in arguments:
        print(
            f"Changeset created successfully. Run the following command\naws describe arn:aws:cloudformation:r:1:changeSet/{key}"
        )
        return
    if old and (folder() / "nothing").exists():
        print(f"No changes to deploy. Stack {key} is up to date")
        return
    made = [{"OutputKey": name, "OutputValue": f"{name}@{key}"} for name in outputs(template)]
    shown = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    status = "UPDATE_COMPLETE" if old else "CREATE_COMPLETE"
    state["stacks"][key] = {"StackStatus": status, "Outputs": made, "Parameters": shown}
    if key.endswith("-table"):
        regions = [key.split("/")[0], *[value for name, value in parameters.items() if name[:-1] == "Region" and value]]
        protected = [] if parameters.get("DeletionProtection") == "false" else regions
        state["table"] = {"protected": protected, "replicas": regions}


def events():
    path = folder() / "events"
    told = json.loads(path.read_text()) if path.exists() else []
    print(
        json.dumps(
            {
                "StackEvents": [
                    {
                        "StackId": "arn:stack",
                        "PhysicalResourceId": "arn:stack" if name == "STACK" else f"physical-{name}",
                        "LogicalResourceId": name,
                        "ResourceType": "AWS::X::Thing",
                        "ResourceStatus": status,
                        **({"ResourceStatusReason": reason} if reason else {}),
                    }
                    for name, status, reason in reversed(told)
                ]
            }
        )
    )


def cloudformation(state, arguments):
    verb, key = arguments[1], f"{option(arguments, '--region')}/{option(arguments, '--stack-name')}"
    if verb == "deploy":
        deploy(state, arguments, key)
    elif verb == "describe-stacks":
        if key not in state["stacks"]:
            fail(f"An error occurred (ValidationError): Stack with id {key} does not exist")
        print(json.dumps({"Stacks": [state["stacks"][key]]}))
    elif verb == "delete-stack":
        state["stacks"].pop(key, None)
    elif verb == "describe-stack-events":
        events()
    elif verb == "list-change-sets":
        sets = [("awscli-cloudformation-package-deploy-1", "FAILED"), ("somebody-elses", "FAILED")]
        sets.append(("awscli-cloudformation-package-deploy-2", "CREATE_COMPLETE"))
        print(json.dumps({"Summaries": [{"ChangeSetName": name, "Status": status} for name, status in sets]}))
    elif verb == "describe-change-set":
        change = {
            "Action": "Modify",
            "LogicalResourceId": "Thing",
            "ResourceType": "AWS::X::Thing",
            "Replacement": "True",
        }
        print(json.dumps({"Changes": [{"ResourceChange": change}]}))


def concurrency(state, arguments):
    key = option(arguments, "--region")
    if arguments[1] == "get-function-concurrency":
        print(
            json.dumps(
                {"ReservedConcurrentExecutions": state["concurrency"][key]} if key in state["concurrency"] else {}
            )
        )
    elif arguments[1] == "put-function-concurrency":
        state["concurrency"][key] = int(option(arguments, "--reserved-concurrent-executions"))
    else:
        state["concurrency"].pop(key, None)


def dynamodb(state, arguments):
    region, table = option(arguments, "--region"), state.get("table") or {"replicas": [], "protected": []}
    if region not in table["replicas"]:
        fail("An error occurred (ResourceNotFoundException) when calling DescribeTable: Requested resource not found")
    if arguments[1] == "describe-table":
        shown = {
            "TableStatus": "ACTIVE",
            "LatestStreamArn": f"arn:stream:{region}",
            "DeletionProtectionEnabled": region in table["protected"],
            "Replicas": [{"RegionName": one} for one in table["replicas"] if one != region],
        }
        print(json.dumps({"Table": shown}))
    elif "--no-deletion-protection-enabled" in arguments:
        table["protected"].remove(region)
    elif "--replica-updates" in arguments:
        table["replicas"].remove(json.loads(option(arguments, "--replica-updates"))[0]["Delete"]["RegionName"])
    elif arguments[1] == "delete-table":
        if table["protected"] or table["replicas"] != [region]:
            fail("An error occurred (ValidationException): it is protected or has replicas")
        del state["table"]


ANSWERS = {
    "acm describe-certificate": {
        "Certificate": {
            "Status": "ISSUED",
            "DomainName": "places.example.com",
            "SubjectAlternativeNames": ["*.places.example.com"],
        }
    },
    "route53 get-hosted-zone": {
        "HostedZone": {"Name": "example.com.", "Config": {"PrivateZone": False}},
        "DelegationSet": {"NameServers": ["ns-1.awsdns-1.org", "ns-2.awsdns-2.co.uk"]},
    },
    "ec2 describe-vpc-endpoint-services": {"ServiceDetails": []},
    "lambda get-account-settings": {
        "AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
    },
    "ec2 describe-availability-zones": {
        "AvailabilityZones": [{"ZoneName": f"zone-{one}", "State": "available"} for one in "abc"]
    },
    "synthetics describe-runtime-versions": {
        "RuntimeVersions": [
            {"VersionName": "syn-nodejs-puppeteer-15.0"},
            {"VersionName": "syn-nodejs-puppeteer-3.0", "DeprecationDate": "2022-11-13T00:00:00+00:00"},
        ]
    },
    "sts get-caller-identity": {"Account": "123456789012"},
}


def preflight(arguments):
    """Answers of an account in which all is well, unless the file `answers` has others. What is not asked there is missing."""
    path = folder() / "answers"
    answers = ANSWERS | (json.loads(path.read_text()) if path.exists() else {})
    if arguments[0] == "--version":
        print(answers.get("--version", "aws-cli/2.31.0 Python/3.13 Linux/6"))
        return
    answer = answers.get(" ".join(arguments[:2]))
    if answer is None:
        fail("An error occurred (ResourceNotFoundException): there is none")
    print(json.dumps(answer))


PREFLIGHT = {"--version", "acm", "route53", "ec2", "synthetics", "sts", "secretsmanager", "backup"}


def main(arguments):
    line = " ".join(arguments)
    with (folder() / "calls").open("a") as calls:
        calls.write(json.dumps(arguments) + "\n")
    state = load()
    if planned_failure(line):
        if "cloudformation deploy" in line and os.environ.get("FAIL_LEAVES"):
            key = f"{option(arguments, '--region')}/{option(arguments, '--stack-name')}"
            state["stacks"][key] = {"StackStatus": os.environ["FAIL_LEAVES"], "Outputs": [], "Parameters": []}
            (folder() / "state.json").write_text(json.dumps(state))
        fail("An error occurred: it broke, as it was told to")
    if arguments[0] in PREFLIGHT or arguments[1] in (
        "head-bucket",
        "get-function-configuration",
        "get-account-settings",
    ):
        preflight(arguments)
    elif arguments[0] == "cloudformation":
        cloudformation(state, arguments)
    elif arguments[:2] == ["s3api", "head-object"]:
        if [option(arguments, "--bucket"), option(arguments, "--key")] not in state["objects"]:
            fail("An error occurred (404) when calling the HeadObject operation: Not Found")
    elif arguments[:2] == ["s3", "cp"]:
        state["objects"].append(arguments[3].removeprefix("s3://").rsplit("/", 1))
    elif arguments[0] == "dynamodb":
        dynamodb(state, arguments)
    elif arguments[0] == "lambda":
        concurrency(state, arguments)
    (folder() / "state.json").write_text(json.dumps(state))


if __name__ == "__main__":
    main(sys.argv[1:])
