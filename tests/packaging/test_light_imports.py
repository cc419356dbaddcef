"""Guarding a tool needs the base install, and loads no gRPC, no server code and no telemetry."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import delegation_sdk

ROOT = Path(__file__).parents[2]
SDK = ROOT / "sdk" / "delegation_sdk"
HEAVY = (
    "grpc",
    "google.rpc",
    "opentelemetry",
    "asyncio",
    "sqlalchemy",
    "pydantic",
    "mcp",
    "starlette",
    "rich",
    "typer",
)
SERVER = tuple(f"delegation.{room}" for room in ("app", "cli", "identity", "server", "service", "signing", "storage"))
SDK_MODULES = sorted(
    ".".join(path.relative_to(SDK.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in SDK.rglob("*.py")
    if "integrations" not in path.parts
)
# The import packages of all extras, as if none were installed.
WITHOUT_EXTRAS = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {
            "alembic", "grpc_health", "grpc_reflection", "httpx2", "jwt", "mcp", "mcp_types",
            "pydantic", "pydantic_settings", "re2", "rich", "spiffe", "sqlalchemy", "starlette",
            "structlog", "typer", "uvloop"
        }:
            raise ModuleNotFoundError(name)
        if name == "opentelemetry.sdk" or name.startswith("opentelemetry.exporter"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Refuse())
"""


def run(program: str) -> str:
    finished = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def loaded_by(statement: str) -> set[str]:
    return set(json.loads(run(f"import sys, json\n{statement}\nprint(json.dumps(sorted(sys.modules)))")))


def those_of(modules: set[str], packages: tuple[str, ...]) -> set[str]:
    return {name for name in modules if any(name == each or name.startswith(each + ".") for each in packages)}


@pytest.mark.parametrize("installed", ["", WITHOUT_EXTRAS], ids=["with all extras", "with the base install alone"])
@pytest.mark.parametrize("module", ["delegation_sdk", "delegation_sdk.guard", "delegation_sdk.feed"])
def test_a_tool_loads_neither_grpc_nor_server_code_nor_telemetry(module, installed):
    assert those_of(loaded_by(f"{installed}\nimport {module}"), HEAVY + SERVER) == set()


def test_reaching_for_the_guard_through_the_package_is_as_light():
    assert those_of(loaded_by("from delegation_sdk import Guard"), HEAVY + SERVER) == set()


@pytest.mark.parametrize("module", SDK_MODULES)
def test_every_sdk_module_imports_without_any_extra(module):
    run(f"{WITHOUT_EXTRAS}\nimport {module}")


def test_a_missing_extra_says_which_one_to_install():
    attempt = "try:\n    import delegation_sdk.integrations.mcp\nexcept ImportError as error:\n    print(error)"
    assert "pip install 'delegation-chain[mcp]'" in run(f"{WITHOUT_EXTRAS}\n{attempt}")


def test_every_public_name_is_sorted_documented_and_there():
    assert list(delegation_sdk.__all__) == sorted(set(delegation_sdk.__all__))
    for name in delegation_sdk.__all__:
        assert getattr(delegation_sdk, name).__doc__, f"{name} has no docstring"


def test_a_name_that_is_not_public_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        importlib.import_module("delegation_sdk").no_such_name  # noqa: B018 - the access is the test


def test_the_base_install_is_as_small_as_promised():
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {line.split(">")[0] for line in dependencies}
    assert names == {"cryptography", "grpcio", "grpcio-status", "opentelemetry-api", "protobuf", "pynacl"}
