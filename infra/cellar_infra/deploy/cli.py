"""The command line of infra/deploy."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Any

from cellar_infra.deploy import look
from cellar_infra.deploy.apply import Deployment
from cellar_infra.deploy.aws import Aws, AwsError
from cellar_infra.deploy.config import MAX_RADIUS_M, Config, ConfigError, read
from cellar_infra.deploy.destroy import destroy
from cellar_infra.deploy.drill import Drill, show
from cellar_infra.deploy.init import DEFAULT_FILE, QUESTIONS, init
from cellar_infra.deploy.preflight import CHECKS, preflight
from cellar_infra.deploy.smoke import POINTS, smoke
from cellar_infra.deploy.state import StateError
from cellar_infra.render import RenderError

COMMANDS = {
    "init": "asks five questions and writes the settings of a smallest deployment",
    "plan": "prints the steps of a first deployment and where their parameters come from; asks AWS nothing",
    "preflight": "asks AWS whether a deployment would succeed, and changes nothing; `deploy` begins with it",
    "diff": "prints what a deployment would change",
    "deploy": "creates or updates everything; run it again after a failure",
    "status": "prints the state of every stack",
    "smoke": "checks on AWS what nothing else can prove, and prints each with its evidence",
    "drill": "switches a region off for a while and reports what users saw",
    "destroy": "deletes the stacks; the table and the buckets stay",
}

EXAMPLES = """\
examples:
  infra/deploy init --config places.toml
  infra/deploy plan --config places.toml
  infra/deploy deploy --config places.toml --dry-run
  infra/deploy deploy --config places.toml --set function.MemoryMb=2048
  infra/deploy drill --config places.toml --region eu-west-1 --seconds 180
  infra/deploy destroy --config places.toml --yes

places.toml:
  name = "cellar"
  domain = "places.example.com"
  zone = "Z0123456789ABC"
  email = "ops@example.com"
  regions = ["eu-west-1", "us-east-1"]
  edge_certificate = "arn:aws:acm:us-east-1:123456789012:certificate/…"
  code = "target/lambda/bootstrap/bootstrap.zip"
  imports = true
  importer = "target/lambda/importer/bootstrap.zip"
  [certificates]
  eu-west-1 = "arn:aws:acm:eu-west-1:123456789012:certificate/…"
  us-east-1 = "arn:aws:acm:us-east-1:123456789012:certificate/…"
  [settings.function]
  ProvisionedConcurrency = "2"

Credentials are the AWS CLI's: AWS_PROFILE and the like. docs/OPERATIONS.md explains every placeholder.
"""


def parser() -> argparse.ArgumentParser:
    """Arguments; those of a file can be given here too."""
    top = argparse.ArgumentParser(
        prog="infra/deploy",
        description="Stands up Cellar in one to four regions.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument(
        "command",
        choices=COMMANDS,
        metavar="COMMAND",
        help="; ".join(f"{name}: {text}" for name, text in COMMANDS.items()),
    )
    top.add_argument("--config", type=Path, metavar="FILE", help="settings in TOML, see below")
    top.add_argument("--name", help="prefix of every name; default cellar")
    top.add_argument("--domain", help="public name, such as places.example.com")
    top.add_argument("--zone", metavar="ID", help="hosted zone of Route 53 that holds the domain")
    top.add_argument("--email", help="who gets alarms")
    top.add_argument("--regions", metavar="A,B", help="one to four; the first is home")
    top.add_argument("--edge-certificate", metavar="ARN", help="in us-east-1, for the domain")
    top.add_argument(
        "--certificate", action="append", default=[], metavar="REGION=ARN", help="in that region, for *.domain"
    )
    top.add_argument(
        "--max-radius-m",
        metavar="METRES",
        help=f"longest radius, in all regions and at the CDN; default {MAX_RADIUS_M}",
    )
    top.add_argument("--code", metavar="ZIP", help="the function, as infra/package/package.sh --arm64 builds it")
    top.add_argument(
        "--set", action="append", default=[], metavar="TEMPLATE.PARAMETER=VALUE", help="a parameter of a template"
    )
    top.add_argument(
        "--skip",
        action="append",
        default=[],
        metavar="CHECK",
        help=f"of preflight and deploy: {', '.join(CHECKS)}; of smoke: {', '.join(POINTS)}",
    )
    top.add_argument("--dry-run", action="store_true", help="prints every step and asks AWS nothing")
    top.add_argument("--region", help="of a drill: which one is switched off; of init: where")
    top.add_argument("--budget", metavar="USD", help="of init: dollars a month that are warned of")
    top.add_argument("--architecture", help="of init: arm64 or x86_64")
    top.add_argument("--seconds", type=int, default=180, help="of a drill; default %(default)s")
    top.add_argument("--data", action="store_true", help="of destroy: the table goes too, and cannot come back")
    top.add_argument("--yes", action="store_true", help="of drill and destroy: really")
    top.add_argument("--json", action="store_true", help="of status and drill: for machines")
    return top


def pairs(given: list[str], option: str) -> dict[str, str]:
    """`NAME=VALUE` arguments."""
    for one in given:
        if "=" not in one.strip("="):
            raise ConfigError(f"{option} is {one!r}; allowed: NAME=VALUE")
    return dict(one.split("=", 1) for one in given)


def config_of(arguments: argparse.Namespace) -> Config:
    """Settings of the file with those of the command line."""
    given: dict[str, Any] = {
        key: getattr(arguments, key)
        for key in ("name", "domain", "zone", "email", "edge_certificate", "max_radius_m", "code")
    }
    given["regions"] = arguments.regions.split(",") if arguments.regions else None
    given["certificates"] = pairs(arguments.certificate, "--certificate")
    settings: dict[str, dict[str, str]] = {}
    for name, value in pairs(arguments.set, "--set").items():
        template, dot, parameter = name.partition(".")
        if not dot:
            raise ConfigError(
                f"--set is {name}={value}; allowed: TEMPLATE.PARAMETER=VALUE, such as function.MemoryMb=2048"
            )
        settings.setdefault(template, {})[parameter] = value
    given["settings"] = settings
    return read(arguments.config, given)


def run(deployment: Deployment, arguments: argparse.Namespace) -> int:
    """The command that was asked for."""
    sure = arguments.yes or arguments.dry_run
    if arguments.command in ("drill", "destroy") and not sure:
        raise ConfigError(f"{arguments.command} touches what users use; say --yes, or --dry-run to see what it does")
    match arguments.command:
        case "plan":
            look.plan(deployment)
        case "diff":
            look.diff(deployment)
        case "preflight":
            preflight(deployment, arguments.skip)
        case "deploy":
            if not arguments.dry_run:
                _ = deployment.code_hash, deployment.config.imports and deployment.importer_hash
                preflight(deployment, arguments.skip)
            deployment.run()
        case "status":
            return look.status(deployment, as_json=arguments.json)
        case "smoke":
            return smoke(deployment, arguments.skip, as_json=arguments.json)
        case "drill":
            return show(Drill(deployment, arguments.region or "", arguments.seconds).run(), as_json=arguments.json)
        case "destroy":
            destroy(deployment, data=arguments.data)
    return 0


def begin(arguments: argparse.Namespace) -> int:
    """Writes the settings. Questions are asked only of somebody: at a terminal."""
    path = arguments.config or DEFAULT_FILE
    given = {question.key: getattr(arguments, question.key) for question in QUESTIONS}
    init(path, given, input if sys.stdin.isatty() else None)
    print(f"{path} is written. Next: infra/deploy preflight --config {path}, then deploy, then smoke")
    return 0


def interrupt(*_: object) -> None:
    """A request to end is one to put back what was switched off, too."""
    raise KeyboardInterrupt


def main(given: list[str] | None = None) -> int:
    """Errors are one line."""
    arguments = parser().parse_args(given)
    for kind in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(kind, interrupt)
    try:
        if arguments.command == "init":
            return begin(arguments)
        config = config_of(arguments)
        deployment = Deployment(config, Aws(dry=arguments.dry_run or arguments.command == "plan"))
        try:
            return run(deployment, arguments)
        finally:
            deployment.close()
    except ConfigError as error:
        print(f"infra/deploy: {error}", file=sys.stderr)
        return 2
    except (AwsError, StateError, RenderError) as error:
        print(f"infra/deploy: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # Whoever reads has read enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("infra/deploy: interrupted; run the same command again to go on", file=sys.stderr)
        return 130
