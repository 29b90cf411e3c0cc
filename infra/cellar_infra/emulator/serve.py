"""Ministack with our stubs, in the foreground: `python -m cellar_infra.emulator.serve`. The port is that of GATEWAY_PORT.

A stack fails where the file of CELLAR_EMULATOR_FAIL says: each line is a stack's name and a resource's, and counts once.
"""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

from cellar_infra.emulator.replicas import GLOBAL_TABLE, everywhere
from cellar_infra.emulator.stubs import STUBBED_WITH, STUBS, handler, partly


def planned(stack: str, logical_id: str) -> bool:
    """Whether this resource is to fail now; the plan loses its line."""
    path = Path(os.environ.get("CELLAR_EMULATOR_FAIL", os.devnull))
    lines = path.read_text().splitlines() if path.is_file() else []
    line = f"{stack} {logical_id}"
    if line not in lines:
        return False
    lines.remove(line)
    path.write_text("\n".join(lines))
    return True


def main() -> None:
    """Adds what is missing, then serves."""
    from ministack.services.cloudformation import changesets, handlers, provisioners, stacks

    lacking = {kind: handler(attributes) for kind, attributes in STUBS.items()}
    known = sorted(lacking.keys() & provisioners._RESOURCE_HANDLERS.keys())
    if known:
        raise SystemExit(f"the emulator has learnt {', '.join(known)}: take them from stubs.py")
    handlers_of = provisioners._RESOURCE_HANDLERS
    handlers_of.update(lacking)
    for kind, attribute in STUBBED_WITH.items():
        handlers_of[kind] = partly(handlers_of[kind], attribute)
    handlers_of[GLOBAL_TABLE] = everywhere(handlers_of[GLOBAL_TABLE])
    original = provisioners._provision_resource

    def provision(resource_type: str, logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        if planned(stack_name, logical_id):
            raise ValueError(f"{logical_id} fails, as it was told to")
        return original(resource_type, logical_id, props, stack_name)

    provisioners._provision_resource = provision
    stacks._provision_resource = provision
    changesets._apply_transforms = with_parameters
    handlers._apply_transforms = with_parameters
    from ministack.app import main as serve

    serve()


def with_parameters(template: dict[str, Any], provided: Any = None, previous: Any = None) -> dict[str, Any]:
    """SAM as CloudFormation runs it, with the stack's parameters: the emulator gives it none."""
    from ministack.services.cloudformation import engine
    from samtranslator.translator.transform import transform

    if engine._SAM_TRANSFORM not in engine.declared_transforms(template):
        return engine._apply_transforms(template, provided, previous)
    os.environ["AWS_DEFAULT_REGION"] = engine.get_region()
    values = engine._transform_parameters(template, provided, previous)
    return transform(copy.deepcopy(template), values, engine._NO_IAM_POLICY_LOADER)


if __name__ == "__main__":
    main()
