"""infra/deploy, run as a program against a fake AWS CLI."""

import re
import zipfile

import pytest

from cellar_infra.deploy import apply
from cellar_infra.deploy.aws import Aws
from cellar_infra.deploy.config import read
from cellar_infra.deploy.state import StateError
from cellar_infra.render import TEMPLATES

TWO_REGIONS = [
    "eu-west-1/table",
    "eu-west-1/artifacts",
    "eu-west-1/network",
    "eu-west-1/function",
    "eu-west-1/gateway",
    "us-east-1/artifacts",
    "us-east-1/network",
    "us-east-1/function",
    "us-east-1/gateway",
    "eu-west-1/names",
    "us-east-1/names",
    "us-east-1/edge",
    "eu-west-1/purge",
    "eu-west-1/backup",
    "eu-west-1/watch",
    "us-east-1/watch",
    "us-east-1/alarms",
]


def parameters(account, region, template):
    stack = account.state()["stacks"][f"{region}/cellar-{template}"]
    return {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}


def test_everything_is_deployed_in_order_and_outputs_arrive(account):
    result = account.run("deploy")
    assert result.returncode == 0, result.stderr
    assert account.deployed() == TWO_REGIONS
    function = parameters(account, "us-east-1", "function")
    assert function["StreamArn"] == "arn:stream:us-east-1"
    assert function["TableName"] == "TableName@eu-west-1/cellar-table"
    assert function["CodeKey"] == f"{function['CodeSha256']}.zip"
    assert re.fullmatch("[0-9a-f]{64}", function["CodeSha256"])
    names = parameters(account, "us-east-1", "names")
    assert names["NextSpareTarget"] == "SpareTarget@eu-west-1/cellar-gateway"
    assert names["OriginTarget"] == "OriginTarget@us-east-1/cellar-gateway"
    alarms = parameters(account, "us-east-1", "alarms")
    assert alarms["HealthCheck2"] == "HealthCheckId@us-east-1/cellar-gateway"
    assert alarms["HealthCheck3"] == ""


def test_the_program_and_the_cli_find_each_other(account):
    account.regions("eu-west-1")
    result = account.run_program("deploy", "--skip", "delegation")
    assert result.returncode == 0, result.stderr
    assert "[12/12] us-east-1: stack alarms" in result.stderr
    assert account.deployed() == [*TWO_REGIONS[:5], "eu-west-1/names", *TWO_REGIONS[11:15], "us-east-1/alarms"]


def test_a_second_run_does_the_same_and_uploads_nothing(account):
    account.run("deploy")
    account.calls()
    assert account.run("deploy").returncode == 0
    calls = account.calls()
    assert [call for call in calls if call[:2] == ["s3", "cp"]] == []
    assert {stack["StackStatus"] for stack in account.state()["stacks"].values()} == {"UPDATE_COMPLETE"}


@pytest.mark.parametrize(
    "stack", ["cellar-table", "cellar-function --region us-east-1", "cellar-edge", "cellar-alarms"]
)
def test_after_a_failure_the_same_command_goes_on(account, stack):
    account.fail_at(f"deploy --stack-name {stack}")
    result = account.run("deploy", leaves="ROLLBACK_COMPLETE")
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("infra/deploy: `aws cloudformation deploy` failed: ")
    assert "it broke" in last
    account.calls()
    again = account.run("deploy")
    assert again.returncode == 0, again.stderr
    assert account.deployed() == TWO_REGIONS
    assert all(stack["StackStatus"].endswith("_COMPLETE") for stack in account.state()["stacks"].values())


def test_every_call_may_fail_and_the_end_is_the_same(account, tmp_path):
    """Whatever breaks first: run again, it ends as one clean run does."""
    account.run("deploy")
    clean = {name: stack["Parameters"] for name, stack in account.state()["stacks"].items()}
    for text in ("s3 cp", "head-object", "dynamodb describe-table", "describe-stacks --stack-name cellar-network"):
        (tmp_path / "state.json").unlink()
        account.fail_at(text)
        assert account.run("deploy").returncode == 1, text
        assert account.run("deploy").returncode == 0, text
        assert {name: stack["Parameters"] for name, stack in account.state()["stacks"].items()} == clean


def test_a_stack_that_is_stuck_is_for_somebody_to_look_at(account):
    account.fail_at("deploy --stack-name cellar-gateway")
    account.run("deploy", leaves="UPDATE_ROLLBACK_FAILED")
    result = account.run("deploy")
    assert result.returncode == 1
    assert "cellar-gateway in eu-west-1 is UPDATE_ROLLBACK_FAILED: see its events" in result.stderr


def test_regions_are_added_and_removed_one_by_one(account):
    account.run("deploy")
    account.calls()
    account.regions("eu-west-1", "us-east-1", "us-west-2", "ap-southeast-1")
    assert account.run("deploy").returncode == 0
    assert account.deployed().count("eu-west-1/table") == 2
    assert parameters(account, "eu-west-1", "table")["Region4"] == "ap-southeast-1"
    assert parameters(account, "ap-southeast-1", "names")["NextSpareTarget"] == "SpareTarget@eu-west-1/cellar-gateway"
    account.regions("eu-west-1", "ap-southeast-1")
    account.run("deploy")
    table = parameters(account, "eu-west-1", "table")
    assert (table["Region2"], table["Region3"], table["Region4"]) == ("ap-southeast-1", "", "")


def gone(calls):
    return [f"{call[5]}/{call[3].removeprefix('cellar-')}" for call in calls if call[1:2] == ["delete-stack"]]


def test_users_are_led_away_before_a_region_goes(account):
    account.regions("eu-west-1", "us-east-1", "us-west-2")
    account.run("deploy")
    account.calls()
    account.regions("eu-west-1", "us-west-2")
    assert account.run("deploy").returncode == 0
    calls = account.calls()
    assert gone(calls) == [
        f"us-east-1/{stack}" for stack in ("names", "watch", "gateway", "function", "network", "artifacts")
    ]
    lines = [" ".join(call) for call in calls]

    def place(*words):
        return [number for number, line in enumerate(lines) if all(word in line for word in words)]

    turned = place("deploy --stack-name cellar-names --region eu-west-1", "NextSpareTarget=SpareTarget@us-west-2")
    nameless = place("delete-stack --stack-name cellar-names --region us-east-1")
    alarms = place("deploy --stack-name cellar-alarms")
    stackless = place("delete-stack --stack-name cellar-function --region us-east-1")
    replica = place("deploy --stack-name cellar-table", "Region2=us-west-2 Region3= ")
    assert turned < nameless < alarms < stackless < replica
    assert account.slept == [120]
    left = {key for key in account.state()["stacks"] if key.startswith("us-east-1/")}
    assert left == {"us-east-1/cellar-edge", "us-east-1/cellar-alarms"}


@pytest.mark.parametrize(
    "call",
    [
        "delete-stack --stack-name cellar-names",
        "delete-stack --stack-name cellar-gateway",
        "delete-stack --stack-name cellar-artifacts",
    ],
)
def test_a_removal_that_failed_is_taken_up_again(account, call):
    account.run("deploy")
    account.regions("eu-west-1")
    account.fail_at(call)
    assert account.run("deploy").returncode == 1
    assert parameters(account, "eu-west-1", "table")["Region2"] == "us-east-1"
    assert account.run("deploy").returncode == 0
    assert parameters(account, "eu-west-1", "table")["Region2"] == ""
    assert "us-east-1/cellar-gateway" not in account.state()["stacks"]
    account.calls()
    assert account.run("deploy").returncode == 0
    assert gone(account.calls()) == []


def test_a_region_cannot_be_exchanged_when_there_are_four(account):
    account.regions("eu-west-1", "us-east-1", "us-west-2", "ap-southeast-1")
    account.run("deploy")
    account.regions("eu-west-1", "us-east-1", "us-west-2", "eu-north-1")
    account.config.write_text(
        account.config.read_text() + 'eu-north-1 = "arn:aws:acm:eu-north-1:123456789012:certificate/en"\n'
    )
    result = account.run("deploy")
    assert result.returncode == 2
    assert "remove regions first, then add others" in result.stderr


def test_a_failed_step_says_what_failed_first_and_where(account):
    account.fail_at("deploy --stack-name cellar-function --region us-east-1")
    account.events(
        ("cellar-function", "CREATE_FAILED", "older: of another operation"),
        ("STACK", "CREATE_IN_PROGRESS", "User Initiated"),
        ("Role", "CREATE_COMPLETE", None),
        ("FunctionAliaslive", "CREATE_FAILED", "Specified ReservedConcurrentExecutions for function decreases"),
        ("Warmer", "CREATE_FAILED", "Resource creation cancelled"),
        ("STACK", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed"),
    )
    result = account.run("deploy")
    assert result.returncode == 1
    told = result.stderr.strip().splitlines()[-2:]
    assert told[0] == "infra/deploy: cellar-function in us-east-1 failed:"
    line = next(
        number
        for number, text in enumerate((TEMPLATES / "function.yaml").read_text().splitlines(), start=1)
        if text == "  Function:"
    )
    assert told[1].startswith(
        f"  infra/templates/function.yaml:{line}: FunctionAliaslive (AWS::X::Thing): Specified Res"
    )
    asked = [call for call in account.calls() if "describe-stack-events" in call]
    assert asked[0][-4:-2] == ["--region", "us-east-1"]


def test_change_sets_that_were_not_needed_go(account):
    account.run("deploy")
    account.nothing_to_do()
    account.calls()
    assert account.run("deploy").returncode == 0
    calls = account.calls()
    deleted = [call for call in calls if "delete-change-set" in call]
    assert len(deleted) == len(TWO_REGIONS)
    assert {call[call.index("--change-set-name") + 1] for call in deleted} == {"awscli-cloudformation-package-deploy-1"}


def test_one_region_is_its_own_spare_and_replicates_to_nobody(account):
    account.regions("eu-west-1")
    assert account.run("deploy").returncode == 0
    assert parameters(account, "eu-west-1", "names")["NextSpareTarget"] == "SpareTarget@eu-west-1/cellar-gateway"
    assert parameters(account, "eu-west-1", "watch")["OtherRegion"] == ""


def test_a_dry_run_prints_every_step_and_asks_nothing(account):
    account.code.unlink()
    result = account.run("deploy", "--dry-run")
    assert result.returncode == 0, result.stderr
    assert account.calls() == []
    assert result.stdout.count("aws cloudformation deploy") == len(TWO_REGIONS)
    assert result.stdout.count("aws s3 cp") == 2
    assert "[19/19] us-east-1: stack alarms" in result.stdout


def test_the_plan_says_where_parameters_come_from(account):
    result = account.run("plan")
    assert account.calls() == []
    assert "<output AliasArn of function in us-east-1>" in result.stdout
    assert "<stream of the table in us-east-1>" in result.stdout


def test_settings_reach_their_template(account):
    assert account.run("deploy", "--set", "function.MemoryMb=2048").returncode == 0
    assert parameters(account, "us-east-1", "function")["MemoryMb"] == "2048"
    assert "MemoryMb" not in parameters(account, "us-east-1", "gateway")


def test_the_longest_radius_is_one_for_the_regions_and_the_cdn(account):
    assert account.run("deploy").returncode == 0
    assert parameters(account, "us-east-1", "edge")["MaxRadiusM"] == "200000"
    assert account.run("deploy", "--max-radius-m", "20000").returncode == 0
    stacks = [("eu-west-1", "function"), ("us-east-1", "function"), ("us-east-1", "edge")]
    assert [parameters(account, *stack)["MaxRadiusM"] for stack in stacks] == ["20000"] * 3
    account.config.write_text("max_radius_m = 5000\n" + account.config.read_text())
    assert account.run("deploy").returncode == 0
    assert [parameters(account, *stack)["MaxRadiusM"] for stack in stacks] == ["5000"] * 3


def test_a_diff_changes_nothing_and_says_what_would(account):
    first = account.run("diff")
    assert first.returncode == 0, first.stderr
    assert "eu-west-1 table: would be created" in first.stdout
    account.run("deploy")
    before = account.state()["stacks"]
    account.calls()
    result = account.run("diff")
    assert "modify  Thing (AWS::X::Thing, replaced)" in result.stdout
    assert account.state()["stacks"] == before
    made = [call for call in account.calls() if "delete-change-set" in call]
    assert len(made) == len(TWO_REGIONS)


def test_status_is_bad_until_all_is_there(account):
    assert account.run("status").returncode == 1
    account.run("deploy")
    result = account.run("status")
    assert result.returncode == 0
    assert re.search(r"^us-east-1 +edge +CREATE_COMPLETE$", result.stdout, re.MULTILINE)
    assert '"stack": "edge"' in account.run("status", "--json").stdout


def test_destroy_keeps_the_data_unless_told(account):
    account.run("deploy")
    assert account.run("destroy").returncode == 2
    account.calls()
    result = account.run("destroy", "--yes")
    assert result.returncode == 0, result.stderr
    assert account.state()["stacks"] == {}
    assert "the table cellar-places" in result.stderr
    calls = account.calls()
    assert [call for call in calls if call[0] == "dynamodb" and not call[1].startswith("describe")] == []
    assert (gone(calls)[0], gone(calls)[-1]) == ("us-east-1/alarms", "eu-west-1/table")
    again = account.run("destroy", "--yes")
    assert again.returncode == 0, again.stderr
    assert gone(account.calls()) == []


def test_a_second_destroy_with_data_ends_well(account):
    account.run("deploy")
    assert account.run("destroy", "--yes", "--data").returncode == 0
    account.calls()
    again = account.run("destroy", "--yes", "--data")
    assert again.returncode == 0, again.stderr
    assert [call[1] for call in account.calls() if call[1].startswith(("delete", "update"))] == []


def test_data_goes_although_the_stack_went_before(account):
    """`destroy` without --data, then with it: the table has no stack that could take its protection away."""
    account.run("deploy")
    account.run("destroy", "--yes")
    account.calls()
    account.table(protected=["eu-west-1", "us-east-1"], replicas=["eu-west-1", "us-east-1"])
    result = account.run("destroy", "--yes", "--data")
    assert result.returncode == 0, result.stderr
    changes = [" ".join(call[1:]) for call in account.calls() if call[1] in ("update-table", "delete-table")]
    assert changes == [
        "update-table --table-name cellar-places --region us-east-1 --no-deletion-protection-enabled",
        'update-table --table-name cellar-places --region eu-west-1 --replica-updates [{"Delete":{"RegionName":"us-east-1"}}]',
        "update-table --table-name cellar-places --region eu-west-1 --no-deletion-protection-enabled",
        "delete-table --table-name cellar-places --region eu-west-1",
    ]


def test_destroy_with_data_takes_replicas_and_protection_away_first(account):
    account.regions("eu-west-1", "us-east-1", "us-west-2")
    account.run("deploy")
    account.calls()
    assert account.run("destroy", "--yes", "--data").returncode == 0
    calls = [" ".join(call) for call in account.calls()]
    updates = [call for call in calls if "deploy --stack-name cellar-table" in call]
    assert [re.search("Region2=(\\S*) Region3=(\\S*)", call).groups() for call in updates] == [
        ("us-east-1", "us-west-2"),
        ("us-east-1", ""),
        ("", ""),
    ]
    assert all("DeletionProtection=false" in call for call in updates)
    assert calls[-1] == "dynamodb delete-table --table-name cellar-places --region eu-west-1"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--domain", "not a domain"], "domain is 'not a domain'; allowed: a domain such as places.example.com"),
        (["--regions", "eu-west-1,mars"], "regions has 'mars'; allowed: names of AWS regions, such as eu-west-1"),
        (["--regions", "eu-west-1,eu-west-1"], "allowed: 1 to 4 different ones"),
        (
            ["--regions", "eu-west-1,eu-north-1"],
            "certificates has none for eu-north-1; give --certificate eu-north-1=ARN",
        ),
        (
            ["--edge-certificate", "arn:aws:acm:eu-west-1:123456789012:certificate/x"],
            "allowed: the ARN of a certificate in us-east-1",
        ),
        (["--set", "MemoryMb=1"], "allowed: TEMPLATE.PARAMETER=VALUE"),
        (["--code", "missing.zip"], "cannot read the code missing.zip: No such file or directory"),
        (["--max-radius-m", "2e5"], "max_radius_m is '2e5'; allowed: whole metres from 1 to 20015115"),
        (["--max-radius-m", "20015116"], "max_radius_m is '20015116'; allowed: whole metres from 1 to 20015115"),
        (
            ["--set", "edge.MaxRadiusM=20000"],
            "edge.MaxRadiusM cannot be set by itself; allowed: max_radius_m, for all templates",
        ),
        (["--name", "Cellar"], "name is 'Cellar'; allowed: 2 to 20 of a-z"),
    ],
)
def test_errors_are_one_line_that_says_what_and_how(account, arguments, text):
    result = account.run("deploy", *arguments)
    assert result.returncode == 2
    last = result.stderr.strip().splitlines()[-1]
    assert text in last, last
    assert "Traceback" not in result.stderr


def test_code_for_another_machine_is_refused_before_anything_changes(account):
    account.package(0x3E)
    result = account.run("deploy")
    assert result.returncode == 2
    assert "is for x86_64, the function for arm64" in result.stderr
    assert account.calls() == []
    assert account.run("deploy", "--set", "function.Architecture=x86_64").returncode == 0
    account.package(0xB7, name="main")
    assert "is no zip with `bootstrap`" in account.run("deploy").stderr


def with_imports(account, machine=0xB7):
    """The worker's code, and a setting that it is wanted."""
    importer = account.folder / "importer.zip"
    with zipfile.ZipFile(importer, "w") as package:
        package.writestr("bootstrap", b"\x7fELF" + bytes(14) + machine.to_bytes(2, "little") + b"importer")
    settings = account.config.read_text()
    account.config.write_text(f'imports = true\nimporter = "{importer}"\n' + settings)
    return importer


def test_imports_are_deployed_where_they_are_wanted_and_the_function_is_told(account):
    with_imports(account)
    result = account.run("deploy")
    assert result.returncode == 0, result.stderr
    deployed = account.deployed()
    for region in ("eu-west-1", "us-east-1"):
        assert deployed.index(f"{region}/imports") < deployed.index(f"{region}/function")
        function, imports = (parameters(account, region, template) for template in ("function", "imports"))
        assert function["ImportBucket"] == f"Bucket@{region}/cellar-imports"
        assert re.fullmatch(r"[0-9a-f]{64}\.zip", imports["CodeKey"])
        assert imports["CodeKey"] != function["CodeKey"]
        watch = parameters(account, region, "watch")
        assert watch["ImportDeadLetterQueue"] == f"DeadLetterQueue@{region}/cellar-imports"
    assert "us-east-1: upload the importer's code" in result.stderr


def test_without_imports_there_is_no_worker(account):
    assert account.run("deploy").returncode == 0
    assert not [stack for stack in account.deployed() if stack.endswith("/imports")]
    assert parameters(account, "eu-west-1", "function")["ImportBucket"] == ""
    assert parameters(account, "eu-west-1", "watch")["ImportDeadLetterQueue"] == ""


def test_what_is_wrong_with_the_worker_is_said_before_anything_changes(account):
    importer = with_imports(account, machine=0x3E)
    result = account.run("deploy")
    assert (result.returncode, account.calls()) == (2, [])
    assert "importer.zip is for x86_64, the function for arm64" in result.stderr
    assert "set imports.Architecture" in result.stderr
    importer.unlink()
    assert "importer.zip: No such file" in account.run("deploy").stderr
    account.config.write_text(account.config.read_text().replace("imports = true", 'imports = "yes"'))
    assert "imports is 'yes'; allowed: true, false" in account.run("deploy").stderr


def test_without_the_cli_the_error_says_so(account):
    account.aws.unlink()
    result = account.run_program("status")
    assert result.returncode == 1
    assert result.stderr.strip().endswith("there is no program `aws`; install the AWS CLI, version 2")


def test_questions_about_a_stack_come_less_and_less_often(account, monkeypatch):
    statuses = iter(["DELETE_IN_PROGRESS"] * 7 + ["-"])
    deployment, slept = apply.Deployment(read(account.config, {}), Aws()), []
    monkeypatch.setattr(deployment.state, "status", lambda *_: next(statuses))
    monkeypatch.setattr(apply, "pause", slept.append)
    deployment.wait("gateway", "eu-west-1", gone=True)
    assert slept == [1, 2, 4, 8, 16, 30, 30]


def test_a_stack_that_cannot_be_deleted_is_told(account, monkeypatch):
    deployment = apply.Deployment(read(account.config, {}), Aws())
    monkeypatch.setattr(deployment.state, "status", lambda *_: "DELETE_FAILED")
    monkeypatch.setattr(apply.failure, "reasons", lambda *_: ["infra/templates/gateway.yaml:1: Api: it is used"])
    with pytest.raises(StateError, match=r"cellar-gateway in eu-west-1 failed:\n  infra/templates/gateway.yaml:1: Api"):
        deployment.wait("gateway", "eu-west-1", gone=True)
