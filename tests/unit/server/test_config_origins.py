"""Beside each value of the configuration stands where it comes from; and no secret is shown."""

from __future__ import annotations

import json

import pytest

from delegation.cli import exit_codes, main
from delegation.errors import ConfigError
from delegation.server.config import load_config, load_config_with_origins


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "service.toml"
    path.write_text('dev = true\ntrust_domain = "acme.example"\n[limits]\ndrain_ms = 1000\nqueue_capacity = 7\n')
    return path


def test_each_value_knows_its_origin_and_the_later_one_counts(file, monkeypatch):
    monkeypatch.setenv("DELEGATION_LIMITS__DRAIN_MS", "2000")
    config, origins = load_config_with_origins(file, listen="127.0.0.1:0")
    assert (config.limits.drain_ms, config.limits.queue_capacity) == (2000, 7)
    assert origins.of(("listen",)) == "command line"
    assert origins.of(("limits", "drain_ms")) == "DELEGATION_LIMITS__DRAIN_MS"
    assert origins.of(("limits", "queue_capacity")) == str(file)
    assert origins.of(("limits", "max_deadline_ms")) == "default"
    assert origins.of(("trust_domain",)) == str(file)


def test_config_show_writes_the_origin_beside_the_value_and_is_still_toml(file, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("DELEGATION_LOGS__LEVEL", "debug")
    assert main(["config", "show", "--config", str(file)]) == exit_codes.OK
    shown = capsys.readouterr().out
    assert f"drain_ms = 1000  # {file}" in shown
    assert 'level = "debug"  # DELEGATION_LOGS__LEVEL' in shown
    assert "max_deadline_ms = 60000  # default" in shown
    (tmp_path / "again.toml").write_text(shown)
    monkeypatch.delenv("DELEGATION_LOGS__LEVEL")
    again = load_config(tmp_path / "again.toml")
    assert (again.logs.level, again.limits.drain_ms) == ("debug", 1000)


def test_config_show_as_json_has_settings_and_their_origins(file, capsys):
    assert main(["config", "show", "--config", str(file), "--json", "--listen", "127.0.0.1:0"]) == exit_codes.OK
    shown = json.loads(capsys.readouterr().out)
    assert shown["settings"]["limits"]["drain_ms"] == 1000
    assert shown["origins"]["limits.drain_ms"] == str(file)
    assert shown["origins"]["listen"] == "command line"
    assert shown["origins"]["grants.max_lifetime_ms"] == "default"


def test_a_password_in_the_databases_url_is_not_shown(file, capsys):
    file.write_text(file.read_text() + '[database]\nurl = "postgresql://delegation:hunter2@db.internal/delegation"\n')
    for options in ([], ["--json"]):
        assert main(["config", "show", "--config", str(file), *options]) == exit_codes.OK
        shown = capsys.readouterr().out
        assert "hunter2" not in shown
        assert "db.internal" in shown


@pytest.mark.parametrize("endpoint", ["collector:4317", "http://user:password@collector:4317", "file:///etc/passwd"])
def test_a_collectors_address_holds_no_secret_and_is_one(file, endpoint):
    file.write_text(file.read_text() + f'[telemetry]\nendpoint = "{endpoint}"\n')
    with pytest.raises(ConfigError, match=r"telemetry.endpoint .*http://host:port"):
        load_config(file)
