"""What users install: both packages, typed, and nothing of the workshop."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("delegation", "delegation_sdk")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    return zipfile.ZipFile(build("wheel", tmp_path_factory.mktemp("wheel")))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    return build("sdist", tmp_path_factory.mktemp("sdist"))


def build(target: str, into: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(into)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    (built,) = into.iterdir()
    return built


def sources(package: Path) -> set[str]:
    return {
        path.relative_to(package.parent).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_a_wheel_holds_every_file_of_both_packages_and_nothing_else(wheel):
    modules = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert modules == sources(ROOT / "delegation") | sources(ROOT / "sdk" / "delegation_sdk")


@pytest.mark.parametrize("package", PACKAGES)
def test_a_wheel_says_that_its_packages_are_typed(wheel, package):
    assert f"{package}/py.typed" in wheel.namelist()


def test_a_wheel_carries_the_licence_and_the_command(wheel):
    info = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")).removesuffix("METADATA")
    metadata = Parser().parsestr(wheel.read(info + "METADATA").decode())
    assert (metadata["Name"], metadata["License-Expression"]) == ("delegation-chain", "Apache-2.0")
    assert info + "licenses/LICENSE" in wheel.namelist()
    assert b"delegation = delegation.cli:main" in wheel.read(info + "entry_points.txt")


def test_an_sdist_holds_both_packages_and_the_contract_but_no_tests(sdist):
    with tarfile.open(sdist) as archive:
        names = [PurePosixPath(name) for name in archive.getnames()]
    top = {name.parts[1] for name in names if len(name.parts) > 1}
    assert {"delegation", "sdk", "proto", "LICENSE"} <= top
    assert not {"tests", "examples", "requirements", ".venv", "build"} & top


def test_a_wheel_built_from_the_sdist_is_the_same_wheel(sdist, wheel, tmp_path):
    subprocess.run(["tar", "-xf", sdist, "-C", tmp_path], check=True)
    (source,) = tmp_path.iterdir()
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path / "out")]
    subprocess.run(command, cwd=source, check=True, capture_output=True, text=True)
    (rebuilt,) = (tmp_path / "out").iterdir()
    assert set(zipfile.ZipFile(rebuilt).namelist()) == set(wheel.namelist())
