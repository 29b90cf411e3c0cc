"""The smallest deployment: from five questions to its stacks."""

import tomllib

import pytest

from cellar_infra.deploy.config import ConfigError, read
from cellar_infra.deploy.init import QUESTIONS, init
from tests.test_deploy import parameters

GIVEN = {"name": None, "region": None, "email": "ops@example.com", "budget": None, "architecture": None}


def test_flags_are_enough_and_the_file_can_be_read(tmp_path):
    path = tmp_path / "places.toml"
    init(path, GIVEN, None)
    config = read(path, {})
    assert (config.name, config.regions, config.domain) == ("cellar", ("eu-west-1",), "")
    assert (config.cache, config.canary) == (False, False)
    assert config.settings["function"]["ReservedConcurrency"] == "0"


def test_five_questions_are_asked_until_the_answers_are_allowed(tmp_path):
    answers = iter(["shop", "Frankfurt", "eu-central-1", "ops@example.com", "", "x86_64"])
    asked = []

    def ask(text):
        asked.append(text)
        return next(answers)

    init(tmp_path / "places.toml", dict.fromkeys(GIVEN), ask)
    values = tomllib.loads((tmp_path / "places.toml").read_text())
    assert (values["name"], values["regions"], values["settings"]["alarms"]["MonthlyBudgetUsd"]) == (
        "shop",
        ["eu-central-1"],
        "5",
    )
    assert values["settings"]["function"]["Architecture"] == "x86_64"
    assert (len(asked), len(QUESTIONS)) == (6, 5)


def test_nothing_is_overwritten_and_bad_flags_are_told(tmp_path, account):
    with pytest.raises(ConfigError, match="is there already"):
        init(account.config, GIVEN, None)
    with pytest.raises(ConfigError, match="--email is ''; allowed: an e-mail address"):
        init(tmp_path / "new.toml", dict.fromkeys(GIVEN), None)
    account.config.unlink()
    result = account.run("init", "--email", "ops@example.com", "--budget", "much")
    assert result.returncode == 2
    assert "--budget is 'much'; allowed: whole dollars from 1" in result.stderr
    assert not account.config.exists()


def test_the_smallest_deployment_has_no_names_no_network_and_no_cache(account):
    account.config.unlink()
    assert account.run("init", "--email", "ops@example.com").returncode == 0
    result = account.run("deploy", "--code", str(account.code))
    assert result.returncode == 0, result.stderr
    assert account.deployed() == [f"eu-west-1/{one}" for one in ("table", "artifacts", "function", "gateway")] + [
        "us-east-1/edge"
    ] + [f"eu-west-1/{one}" for one in ("purge", "backup", "watch")] + ["us-east-1/alarms"]
    function = parameters(account, "eu-west-1", "function")
    assert (function["SubnetIds"], function["SecurityGroupId"], function["RedisUrl"]) == ("", "", "")
    assert parameters(account, "us-east-1", "edge")["ApiName"] == "ApiName@eu-west-1/cellar-gateway"
    watch = parameters(account, "eu-west-1", "watch")
    assert (watch["WithCanary"], watch["Domain"]) == ("false", "DistributionDomain@us-east-1/cellar-edge")


def test_it_grows_by_its_settings(account):
    """The same stacks, and more: what grew keeps its data."""
    whole = account.config.read_text()
    account.config.unlink()
    account.run("init", "--email", "ops@example.com")
    account.run("deploy", "--code", str(account.code))
    before = set(account.state()["stacks"])
    account.config.write_text(whole)
    assert account.run("deploy").returncode == 0
    assert before < set(account.state()["stacks"])
    assert parameters(account, "us-east-1", "edge")["Domain"] == "places.example.com"
    assert parameters(account, "eu-west-1", "table")["Region2"] == "us-east-1"


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ('zone = "Z1"', "zone is set and domain is not"),
        ('regions = ["eu-west-1", "us-east-1"]', "allowed without a domain: one"),
        ('cache = "yes"', "cache is 'yes'; allowed: true, false"),
    ],
)
def test_half_a_domain_is_none(tmp_path, settings, text):
    path = tmp_path / "places.toml"
    lines = {'regions = ["eu-west-1"]', 'email = "ops@example.com"', 'code = "bootstrap.zip"'}
    key = settings.split(" ")[0]
    path.write_text("\n".join([line for line in lines if not line.startswith(key)] + [settings]))
    with pytest.raises(ConfigError, match=text):
        read(path, {})
