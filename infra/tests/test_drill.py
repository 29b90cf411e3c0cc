"""The drill, on a clock of its own."""

import os
import signal

import pytest

from cellar_infra.deploy.apply import Deployment
from cellar_infra.deploy.aws import Aws
from cellar_infra.deploy.cli import interrupt
from cellar_infra.deploy.config import ConfigError, read
from cellar_infra.deploy.drill import Answer, Drill
from cellar_infra.deploy.state import StateError


class Clock:
    def __init__(self):
        self.at = 0.0

    def now(self):
        return self.at

    def sleep(self, seconds):
        self.at += seconds


class Region(Aws):
    """A function whose concurrency can be set."""

    def __init__(self, reserved):
        super().__init__()
        self.reserved = reserved

    def ask(self, *arguments):
        return {} if self.reserved is None else {"ReservedConcurrentExecutions": self.reserved}

    def change(self, *arguments):
        self.reserved = int(arguments[-1]) if arguments[1] == "put-function-concurrency" else None
        return ""


def drill(account, aws, ask, clock=None, **more):
    clock = clock or Clock()
    deployment = Deployment(read(account.config, {}), aws)
    return Drill(deployment, more.pop("region", "eu-west-1"), 60, ask=ask, now=clock.now, sleep=clock.sleep, **more)


@pytest.mark.parametrize("before", [None, 200])
def test_users_are_counted_and_the_region_comes_back(account, before):
    aws, clock = Region(before), Clock()

    def ask(url):
        if "eu-west-1." in url:
            return Answer(200 if aws.reserved != 0 and clock.at > 65 else 503, "-")
        assert aws.reserved == 0
        return Answer(503, "-") if clock.at < 3 else Answer(200, "us-east-1")

    report = drill(account, aws, ask, clock).run()
    assert (report.requests, report.failed) == (60, 3)
    assert (report.first_elsewhere_s, report.last_failure_s) == (3, 2)
    assert report.recovered_s == 6
    assert aws.reserved == before


def test_an_interruption_gives_the_concurrency_back(account):
    aws = Region(200)

    def ask(url):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drill(account, aws, ask).run()
    assert aws.reserved == 200


def test_signals_neither_end_the_drill_at_once_nor_its_end(account):
    """A service manager that stops it, and then insists."""

    class Stubborn(Region):
        def change(self, *arguments):
            if self.reserved == 0:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().change(*arguments)

    aws = Stubborn(200)

    def ask(url):
        assert aws.reserved == 0
        os.kill(os.getpid(), signal.SIGTERM)
        return Answer(200, "us-east-1")

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            drill(account, aws, ask).run()
        assert signal.getsignal(signal.SIGTERM) is interrupt
    finally:
        signal.signal(signal.SIGTERM, before)
    assert aws.reserved == 200


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_at_any_moment_restores_first(account, kind):
    """Also one that comes while the region is being switched off."""

    class Sudden(Region):
        def change(self, *arguments):
            told = super().change(*arguments)
            if self.reserved == 0:
                os.kill(os.getpid(), kind)
            return told

    aws, asked = Sudden(200), []
    with pytest.raises(KeyboardInterrupt):
        drill(account, aws, asked.append).run()
    assert (aws.reserved, asked) == (200, [])


@pytest.mark.parametrize(("before", "word"), [(200, "put-function-concurrency"), (None, "delete-function-concurrency")])
def test_what_restores_is_said_before_it_begins(account, capsys, before, word):
    aws = Region(before)

    def ask(url):
        told = capsys.readouterr().err
        if aws.reserved == 0:
            assert f"if this is killed: aws lambda {word} --function-name cellar --region eu-west-1" in told
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drill(account, aws, ask).run()


def test_a_region_that_is_off_already_is_not_drilled(account):
    """A drill that was killed left 0 behind, which must not be taken for what was there before."""
    with pytest.raises(StateError, match="is switched off already"):
        drill(account, Region(0), lambda url: Answer(200, "-")).run()


def test_a_region_that_does_not_come_back_is_said(account):
    report = drill(account, Region(200), lambda url: Answer(0, "-")).run()
    assert report.recovered_s is None
    assert report.failed == report.requests == 60


def test_the_only_region_is_not_switched_off(account):
    aws = Region(200)
    with pytest.raises(ConfigError, match="allowed: one of"):
        drill(account, aws, lambda url: Answer(200, "-"), region="mars").run()
    account.regions("eu-west-1")
    with pytest.raises(ConfigError, match="there must be two"):
        drill(account, aws, lambda url: Answer(200, "-")).run()
    assert aws.reserved == 200
