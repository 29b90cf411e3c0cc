"""Stand-ins for boto3, so that functions can be loaded and run without AWS."""

import importlib.util
import sys
import types
from pathlib import Path

FUNCTIONS = Path(__file__).resolve().parents[1] / "functions"


class ClientError(Exception):
    """botocore's, as far as it is used."""

    def __init__(self, code):
        super().__init__(code)
        self.response = {"Error": {"Code": code}}


def load(name, monkeypatch):
    """A function's module, with boto3 replaced."""
    boto3, botocore, exceptions = (
        types.ModuleType("boto3"),
        types.ModuleType("botocore"),
        types.ModuleType("botocore.exceptions"),
    )
    exceptions.ClientError = ClientError
    for module in (boto3, botocore, exceptions):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    spec = importlib.util.spec_from_file_location(name, FUNCTIONS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
