"""The function's zip: what Lambda unpacks is the program, executable, and the same program is the same zip."""

import importlib.util
import io
import zipfile
import zlib
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "package" / "shrink.py"
PROGRAM = bytes(range(256)) * 40 + b"\x7fELF" * 3_000 + b"the end"


@pytest.fixture
def zipped():
    spec = importlib.util.spec_from_file_location("shrink", SCRIPT)
    shrink = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(shrink)
    return shrink.zipped


def test_it_unpacks_to_the_program(zipped):
    package = zipfile.ZipFile(io.BytesIO(zipped(b"bootstrap", PROGRAM)))
    assert package.testzip() is None
    assert package.namelist() == ["bootstrap"]
    assert package.read("bootstrap") == PROGRAM
    assert package.getinfo("bootstrap").external_attr >> 16 == 0o100755


def test_the_same_program_is_the_same_zip(zipped):
    assert zipped(b"bootstrap", PROGRAM) == zipped(b"bootstrap", PROGRAM)
    assert zipped(b"bootstrap", PROGRAM) != zipped(b"bootstrap", PROGRAM + b"!")


def test_it_is_no_larger_than_deflate_at_its_best(zipped):
    packed = zipfile.ZipFile(io.BytesIO(zipped(b"bootstrap", PROGRAM))).getinfo("bootstrap").compress_size
    assert packed <= len(zlib.compress(PROGRAM, 9)) - 6
