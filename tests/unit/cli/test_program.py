"""The program as a whole: exit codes, one line for each failure, a quick start."""

from __future__ import annotations

import subprocess
import sys

import pytest

from delegation.cli import exit_codes, main
from delegation.cli.commands import version as version_command
from delegation.errors import (
    ConfigError,
    NotFound,
    Overloaded,
    PermissionDenied,
    Reason,
    ServiceUnavailable,
    StorageError,
    Unauthenticated,
    refusal,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (refusal(Reason.SCOPE_GREW), 1),
        (refusal(Reason.SERVICE_UNAVAILABLE), 4),
        (PermissionDenied("no"), 1),
        (Unauthenticated("no"), 1),
        (NotFound("no"), 1),
        (ConfigError("no"), 3),
        (StorageError("schema_newer", "no"), 3),
        (ServiceUnavailable("no"), 4),
        (Overloaded("no"), 4),
    ],
)
def test_each_kind_of_failure_has_its_exit_code(error, code):
    assert exit_codes.code_of(error) == code


def test_every_exit_code_is_in_the_help(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for code, meaning in exit_codes.MEANING.items():
        assert f"{code}  {meaning}" in text


@pytest.mark.parametrize("arguments", [["nonsense"], ["inspect"], ["why", "abc"], ["calls", "--limit", "0"], ["--no"]])
def test_a_command_line_that_makes_no_sense_is_a_usage_error(arguments, capsys):
    assert main(arguments) == exit_codes.USAGE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Error: " in captured.err


def test_a_refusal_is_one_line_with_what_it_means(capsys):
    assert main(["inspect", "AAAA"]) == exit_codes.REFUSED
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("delegation: refused: ")


def test_without_a_profile_one_line_says_what_to_do(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DELEGATION_PROFILE", raising=False)
    assert main(["trace"]) == exit_codes.CONFIG
    assert capsys.readouterr().err.startswith("delegation: no profile: set DELEGATION_PROFILE")


def test_a_defect_is_one_line_without_what_it_says(capsys, monkeypatch):
    def fail(_):
        raise RuntimeError("a secret")

    monkeypatch.setattr("importlib.metadata.version", fail)
    assert main(["version"]) == exit_codes.UNEXPECTED
    captured = capsys.readouterr().err
    assert captured == "delegation: unexpected RuntimeError, which is a defect; `delegation --debug …` shows where\n"
    with pytest.raises(RuntimeError):
        main(["--debug", "version"])


def test_a_missing_extra_is_named(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    for name in [name for name in sys.modules if name.startswith(("delegation.cli.terminal", "delegation.cli.views"))]:
        monkeypatch.delitem(sys.modules, name)
    assert main(["version", "--json"]) == exit_codes.CONFIG
    assert "pip install 'delegation-chain[cli,service]'" in capsys.readouterr().err


def test_an_error_does_nothing_to_a_terminal(capsys, monkeypatch):
    def refuse(*_):
        raise ConfigError("bad \x1b[2J name\nsecond line \u202e")

    monkeypatch.setattr("importlib.metadata.version", refuse)
    assert main(["version"]) == exit_codes.CONFIG
    assert capsys.readouterr().err == "delegation: bad \\x1b[2J name second line \\u202e\n"


def test_the_demo_of_an_installed_package_says_where_it_is(capsys, monkeypatch, tmp_path):
    from delegation.cli.commands import demo

    monkeypatch.setattr(demo, "_repository", lambda: tmp_path)
    assert main(["demo"]) == exit_codes.CONFIG
    assert "the demo is in the repository" in capsys.readouterr().err


def test_the_demo_gets_its_arguments_and_gives_its_exit_code(capsys, monkeypatch, tmp_path):
    from delegation.cli.commands import demo

    program = tmp_path / "examples" / "demo" / "main.py"
    program.parent.mkdir(parents=True)
    program.write_text("def main(argv):\n    print(argv)\n    return 7\n")
    monkeypatch.setattr(demo, "_repository", lambda: tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert main(["demo", "--quick", "x"]) == 7
    assert capsys.readouterr().out == "['--quick', 'x']\n"


def test_the_version_is_plain_data_too(capsys):
    assert main(["version", "--json"]) == 0
    assert '"token_format": 1' in capsys.readouterr().out
    assert version_command.version.__doc__


def test_help_loads_nothing_heavy():
    heavy = (
        "grpc",
        "sqlalchemy",
        "pydantic",
        "rich",
        "nacl",
        "cryptography",
        "google.protobuf",
        "opentelemetry",
        "asyncio",
    )
    program = (
        "import sys; from delegation.cli import main; code = main(['--help']);"
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "[]\n")
