"""A failover drill: one region is switched off for a while, and users' requests are counted.

The function's reserved concurrency is set to 0, which refuses every invocation at once and needs no deployment. (CELLAR_FORCE_FAIL, by
`--set function.ForceFail=true`, makes only the health check fail: it tries the switch of names alone.)

Invariant: whatever happens, an interruption too, the region gets its concurrency back.
"""

from __future__ import annotations

import json
import shlex
import signal
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from cellar_infra.deploy.apply import Deployment
from cellar_infra.deploy.config import ConfigError
from cellar_infra.deploy.state import StateError

PERIOD_S = 1.0
LONGEST_RECOVERY_S = 300
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# function.yaml's ReservedConcurrency, for a region that is found switched off.
DEFAULT_CONCURRENCY = 200


@dataclass(frozen=True)
class Answer:
    """A status, 0 for none, and who answered."""

    status: int
    region: str


Probe = Callable[[str], Answer]


def probe(url: str) -> Answer:
    """One request, as a user sends it."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  (https, by Config)
            return Answer(answer.status, answer.headers.get("x-cellar-region", "-"))
    except urllib.error.HTTPError as error:
        return Answer(error.code, "-")
    except OSError:
        return Answer(0, "-")


@dataclass
class Report:
    """What users saw. Times in seconds since the region was switched off."""

    region: str
    requests: int = 0
    failed: int = 0
    first_elsewhere_s: float | None = None
    last_failure_s: float | None = None
    recovered_s: float | None = None
    regions: Counter[str] = field(default_factory=Counter)

    def count(self, at_s: float, answer: Answer) -> None:
        self.requests += 1
        self.regions[answer.region] += 1
        if answer.status != 200:
            self.failed += 1
            self.last_failure_s = at_s
        elif answer.region not in ("-", self.region) and self.first_elsewhere_s is None:
            self.first_elsewhere_s = at_s


@dataclass
class Drill:
    """A drill with its clock and its way to ask, so that it can be tested in no time."""

    deployment: Deployment
    region: str
    seconds: int
    ask: Probe = probe
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    ended: bool = False

    def run(self) -> Report:
        config = self.deployment.config
        if self.region not in config.regions or len(config.regions) < 2:
            raise ConfigError(
                f"--region is {self.region}; allowed: one of {', '.join(config.regions)}, and there must be two"
            )
        before = self._reserved()
        if before == 0:
            raise StateError(
                f"{self.region} is switched off already, by a drill that was killed? `{self._command(DEFAULT_CONCURRENCY)}` restores it"
            )
        print(f"if this is killed: {self._command(before)}", file=sys.stderr, flush=True)
        report = Report(self.region)
        handlers = {kind: signal.signal(kind, self._end) for kind in ENDING}
        try:
            try:
                self._reserve(0)
                self._watch(report, self.now())
            finally:
                self._restore(before)
        finally:
            for kind, handler in handlers.items():
                signal.signal(kind, handler)
        if self.ended:
            raise KeyboardInterrupt
        report.recovered_s = self._recover()
        return report

    def _end(self, *_: object) -> None:
        """A request to end is noted and nothing else: an exception could come at any place, before the region is restored."""
        self.ended = True

    def _command(self, before: int | None) -> str:
        """What restores the region, for people."""
        return shlex.join([self.deployment.aws.program, *self._giving_back(before)])

    def _function(self) -> tuple[str, ...]:
        return ("--function-name", self.deployment.config.name, "--region", self.region)

    def _reserved(self) -> int | None:
        if self.deployment.aws.dry:
            return None
        return self.deployment.aws.ask("lambda", "get-function-concurrency", *self._function()).get(
            "ReservedConcurrentExecutions"
        )

    def _reserving(self, count: int) -> list[str]:
        return [
            *("lambda", "put-function-concurrency", *self._function()),
            *("--reserved-concurrent-executions", str(count)),
        ]

    def _reserve(self, count: int) -> None:
        self.deployment.aws.change(*self._reserving(count))

    def _restore(self, before: int | None) -> None:
        """Nothing ends this: a region that is left switched off serves nobody. Ignored signals are ignored by the CLI, too."""
        for kind in ENDING:
            signal.signal(kind, signal.SIG_IGN)
        self.deployment.aws.change(*self._giving_back(before))

    def _giving_back(self, before: int | None) -> list[str]:
        if before is None:
            return ["lambda", "delete-function-concurrency", *self._function()]
        return self._reserving(before)

    def _watch(self, report: Report, start: float) -> None:
        url = f"https://{self.deployment.config.domain}/v1/collections"
        while not (self.deployment.aws.dry or self.ended) and self.now() - start < self.seconds:
            report.count(self.now() - start, self.ask(url))
            self.sleep(PERIOD_S)

    def _recover(self) -> float | None:
        """Until the region answers under its own name."""
        start = self.now()
        while not self.deployment.aws.dry and self.now() - start < LONGEST_RECOVERY_S:
            if self.ask(f"https://{self.region}.{self.deployment.config.domain}/health").status == 200:
                return self.now() - start
            self.sleep(PERIOD_S)
        return None


def show(report: Report, *, as_json: bool) -> int:
    """Prints the report; 1 if the region did not come back."""
    if as_json:
        print(json.dumps(vars(report), indent=1))
    else:
        share = 100 * report.failed / max(report.requests, 1)
        print(f"requests          {report.requests}, failed {report.failed} ({share:.2f} %)")
        print(f"first elsewhere   {_seconds(report.first_elsewhere_s)}")
        print(f"last failure      {_seconds(report.last_failure_s)}")
        print(f"back after        {_seconds(report.recovered_s)}")
        print(f"answered by       {', '.join(f'{region} {count}' for region, count in report.regions.most_common())}")
    if report.recovered_s is None and report.requests:
        print(f"{report.region} does not answer yet; see its alarms", file=sys.stderr)
        return 1
    return 0


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"
