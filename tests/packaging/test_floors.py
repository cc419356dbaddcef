"""The generator of `delegation/v1` sets the floors of protobuf and grpcio; pyproject must say the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
GENERATED = ROOT / "delegation" / "v1"
EVERY_REQUIREMENT = [
    Requirement(line)
    for lines in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for line in lines
]


def floor(name: str) -> Version:
    (requirement,) = (each for each in EVERY_REQUIREMENT if each.name == name)
    (version,) = (Version(each.version) for each in requirement.specifier if each.operator == ">=")
    return version


def stated(pattern: str, paths: list[Path]) -> set[Version]:
    assert paths, "delegation/v1 has no generated code"
    return {Version(found) for path in paths for found in re.findall(pattern, path.read_text())}


def test_the_protobuf_floor_is_what_the_generated_code_demands():
    assert stated(r"(?m)^# Protobuf Python Version: (\S+)$", sorted(GENERATED.glob("*_pb2.py"))) == {floor("protobuf")}


def test_the_next_major_protobuf_is_still_allowed_and_the_one_after_is_not():
    (protobuf,) = (each for each in EVERY_REQUIREMENT if each.name == "protobuf")
    major = floor("protobuf").major
    assert f"{major + 1}.99.0" in protobuf.specifier
    assert f"{major + 2}.0.0" not in protobuf.specifier


@pytest.mark.parametrize("name", ["grpcio", "grpcio-status", "grpcio-health-checking", "grpcio-reflection"])
def test_the_grpc_floors_are_what_the_generated_code_demands(name):
    (demanded,) = stated(r"GRPC_GENERATED_VERSION = '(\S+)'", sorted(GENERATED.glob("*_pb2_grpc.py")))
    assert (demanded.major, demanded.minor) == (floor(name).major, floor(name).minor)


def test_the_generator_is_pinned_alike_for_make_and_for_script_runners():
    script = re.findall(r'"([\w-]+)==([\w.]+)"', (ROOT / "proto" / "generate.py").read_text())
    locked = re.findall(r"(?m)^([\w-]+)==([\w.]+)", (ROOT / "requirements" / "proto.txt").read_text())
    assert set(script) <= set(locked)
    assert [name for name, _ in script] == ["grpcio-tools", "mypy-protobuf"]
