"""The command line of infra/local/rig."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import threading

from cellar_infra.local.drill import APART, WAYS, drill
from cellar_infra.local.processes import RigError
from cellar_infra.local.rig import Rig

EXAMPLES = """\
examples:
  infra/local/rig up
  infra/local/rig up --regions eu-west-1,us-east-1,ap-southeast-1
  infra/local/rig drill --how kill --rate 300 --seconds 60
  infra/local/rig drill --how hang --json
  infra/local/rig drill --how partition --seconds 60
"""


def parser() -> argparse.ArgumentParser:
    """Arguments."""
    top = argparse.ArgumentParser(
        prog="infra/local/rig",
        description="Several regions on one machine.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument(
        "command", choices=["up", "drill"], help="up: runs until it is interrupted; drill: fails a region under load"
    )
    top.add_argument(
        "--regions",
        default="eu-west-1,us-east-1",
        metavar="A,B",
        help="default %(default)s; the last one fails in a drill",
    )
    top.add_argument(
        "--cellar", default=None, help="the program; default target/release/cellar, else the one on the PATH"
    )
    top.add_argument(
        "--how",
        choices=list(WAYS),
        default="kill",
        help="; ".join(f"{way}: {what}" for way, what in WAYS.items()),
    )
    top.add_argument("--rate", type=float, default=300, help="requests per second; default %(default)s")
    top.add_argument("--seconds", type=float, default=60, help="default %(default)s")
    top.add_argument(
        "--check-interval",
        type=float,
        default=1,
        metavar="S",
        help="of health checks; Route 53 has 10; default %(default)s",
    )
    top.add_argument("--json", action="store_true", help="for machines")
    return top


def up(rig: Rig) -> None:
    """Prints where everything is and waits."""
    for region in rig.regions:
        print(f"{region.name:16} users {rig.url(region.name)}   server {region.url}")
    print("interrupt to stop", file=sys.stderr, flush=True)
    threading.Event().wait()


def interrupt(*_: object) -> None:
    """A request to end is one to clean up, too."""
    raise KeyboardInterrupt


def main() -> int:
    """Errors are one line."""
    arguments = parser().parse_args()
    signal.signal(signal.SIGTERM, interrupt)
    cellar = arguments.cellar or shutil.which("target/release/cellar") or "cellar"
    apart = arguments.command == "drill" and arguments.how in APART
    try:
        with Rig(arguments.regions.split(","), cellar, check_interval_s=arguments.check_interval, apart=apart) as rig:
            if arguments.command == "up":
                up(rig)
                return 0
            seconds = arguments.seconds
            report = drill(
                rig,
                how=arguments.how,
                per_second=arguments.rate,
                seconds=seconds,
                fail_at_s=seconds / 4,
                recover_at_s=seconds / 2,
            )
            print(json.dumps(report.document(), indent=1) if arguments.json else report.table())
            return 1 if report.lost or report.overtaken else 0
    except RigError as error:
        print(f"infra/local/rig: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    raise SystemExit(main())
