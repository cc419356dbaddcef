"""`delegation doctor` on a real set-up that one thing after another is wrong with. It says what, and what to do."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import socket
import sqlite3
import sys
from contextlib import closing, contextmanager

import pytest

from certificates import now
from delegation.app import sign_bundle_file
from delegation.app.doctor import judge_skew
from delegation.app.doctor.extras import check_extras
from delegation.app.doctor.finding import Level
from delegation.cli import exit_codes, main
from delegation.identity.dev_ca import DevelopmentCa
from delegation.signing.sealed_file import SealedFiles
from faults.estate import TRUST_DOMAIN, Estate, estate
from faults.load import Load
from support.postgres import running_postgres


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A set-up that has worked: its database holds a few writes."""
    directory = tmp_path_factory.mktemp("original")
    with estate(directory) as made:
        made.replica().start()
        with Load(made.connecting(), each=1) as load:
            load.book.more_than(10, timeout_s=60)
        assert made.replicas[0].stop() == exit_codes.OK
    return directory


@pytest.fixture
def directory(original, tmp_path):
    """A copy of it, for a test to spoil."""
    shutil.copytree(original, tmp_path / "copy")
    configuration = tmp_path / "copy" / "replica-0.toml"
    configuration.write_text(configuration.read_text().replace(str(original), str(tmp_path / "copy")))
    return tmp_path / "copy"


@pytest.fixture
def doctor(directory, capsys):
    """Run it; give the exit code and what it found that is not well, by check."""

    def run(*options: str) -> tuple[int, dict[str, dict[str, str]]]:
        capsys.readouterr()
        code = main(["doctor", "--config", str(directory / "replica-0.toml"), "--json", *options])
        told = json.loads(capsys.readouterr().out)
        found = {finding["check"]: finding for finding in told["findings"] if finding["level"] != "ok"}
        assert (code == exit_codes.CONFIG) is (told["worst"] == "problem")
        assert all(finding["advice"] for finding in found.values())
        return code, found

    return run


def sign(directory, **options):
    return sign_bundle_file(
        directory / "keys",
        root_directory=directory / "root",
        root_passphrase=b"quite secret",
        store=SealedFiles(directory / "keys", lambda: b"quite secret"),
        trust_domain=TRUST_DOMAIN,
        **options,
    )


def issue(directory, *, began=None, trust_domain=TRUST_DOMAIN, **options):
    began = began or now()
    ca = DevelopmentCa.create(trust_domain, now=began)
    ca.issue(f"spiffe://{trust_domain}/service", now=began, names=["127.0.0.1"], **options).write(directory, "server")


def change(directory, script):
    with closing(sqlite3.connect(directory / "delegation.sqlite3")) as connection:
        connection.executescript(script)
        connection.commit()


def test_where_all_is_well_it_says_so(doctor):
    assert doctor() == (exit_codes.OK, {})


def test_a_configuration_that_makes_no_sense_is_a_finding_like_any_other(doctor, directory):
    with (directory / "replica-0.toml").open("a") as file:
        file.write("\n[limits]\n")
    code, found = doctor()
    assert (code, list(found)) == (exit_codes.CONFIG, ["configuration"])


def test_keys_that_others_can_read_are_found(doctor, directory):
    for key in (directory / "keys").glob("*.key*"):
        key.chmod(0o644)
    assert "chmod 600" in doctor()[1]["keys"]["advice"]


def test_a_passphrase_that_others_can_read_is_found(doctor, directory):
    (directory / "passphrase").chmod(0o640)
    assert "chmod 600" in doctor()[1]["keys"]["advice"]


def test_keys_that_do_not_open_are_found(doctor, directory):
    (directory / "passphrase").write_text("another one\n")
    assert doctor()[0] == exit_codes.CONFIG


def test_a_bundle_that_is_about_to_expire_is_a_warning(doctor, directory):
    sign(directory, lifetime_ms=24 * 3600 * 1000)
    code, found = doctor()
    assert (code, found["trust_bundle"]["level"]) == (exit_codes.OK, "warning")
    assert "sign-bundle" in found["trust_bundle"]["advice"]


def test_a_bundle_that_has_expired_is_found(doctor, directory):
    sign(directory, lifetime_ms=1)
    assert "has expired" in doctor()[1]["keys"]["found"]


def test_a_bundle_that_was_rolled_back_is_found(doctor, directory):
    change(
        directory,
        """INSERT INTO documents (kind, version, content, stored_ms)
           SELECT kind, version + 1, content, stored_ms FROM documents WHERE kind = 'trust_bundle'""",
    )
    code, found = doctor()
    assert code == exit_codes.CONFIG
    assert "older than version 2" in found["trust_bundle"]["found"]


def test_a_certificate_that_is_not_the_keys_is_found(doctor, directory):
    key = (directory / "server.key").read_bytes()
    issue(directory)
    (directory / "server.key").write_bytes(key)
    assert "is not the key of" in doctor()[1]["tls"]["found"]


def test_a_certificate_that_has_expired_is_found(doctor, directory):
    issue(directory, began=now() - dt.timedelta(days=2), lifetime=dt.timedelta(days=1))
    assert "has expired" in doctor()[1]["tls"]["found"]


def test_a_certificate_that_is_about_to_expire_is_a_warning(doctor, directory):
    issue(directory, began=now() - dt.timedelta(hours=23), lifetime=dt.timedelta(days=1))
    code, found = doctor()
    assert (code, found["tls"]["level"]) == (exit_codes.OK, "warning")


def test_a_certificate_of_another_trust_domain_is_found(doctor, directory):
    issue(directory, trust_domain="other.example")
    assert "other.example" in doctor()[1]["tls_names"]["found"]


def test_a_database_of_a_newer_program_is_found(doctor, directory):
    change(directory, "UPDATE alembic_version SET version_num = '9999'")
    assert "9999 is newer" in doctor()[1]["database"]["found"]


def test_a_file_that_is_no_database_is_found(doctor, directory):
    (directory / "delegation.sqlite3").write_bytes(b"no database at all" * 100)
    assert doctor()[1]["database"]["level"] == "problem"


def test_a_database_that_others_can_read_is_found(doctor, directory):
    (directory / "delegation.sqlite3").chmod(0o644)
    assert "chmod 600" in doctor()[1]["database_file"]["advice"]


def test_a_clock_that_was_put_back_is_found(doctor, directory):
    change(directory, "UPDATE revocations SET revoked_ms = revoked_ms + 300000")
    assert "clock" in doctor()[1]["clock"]["advice"]


def test_a_directory_that_others_can_write_is_found(doctor, directory):
    directory.chmod(0o777)
    assert "chmod go-w" in doctor()[1]["state_directory"]["advice"]


def test_a_port_that_something_else_has_is_found(doctor, directory):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, found = doctor("--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert code == exit_codes.CONFIG
    assert "taken by something else" in found["listen"]["found"]


@contextmanager
def running(directory):
    made = Estate.__new__(Estate)  # the set-up is there already
    made.directory, made.replicas, made._database = directory, [], f'path = "{directory}/delegation.sqlite3"'
    replica = made.replica()
    replica.start()
    try:
        yield replica
    finally:
        replica.kill()


def test_a_service_that_runs_is_recognised_and_looked_at_from_a_clients_side(doctor, directory, capsys):
    with running(directory) as replica:
        root = (directory / "root" / "root.pub").read_text().strip()
        profile = directory / "profile.toml"
        profile.write_text(
            f'target = "127.0.0.1:{replica.port}"\nca = "ca/ca.pem"\ncertificate = "client.pem"\nkey = "client.key"\n'
            f'trust_root = "{root}"\n'
        )
        assert doctor("--profile", str(profile)) == (exit_codes.OK, {})
        assert main(["doctor", "--config", str(directory / "replica-0.toml"), "--profile", str(profile)]) == 0
    shown = capsys.readouterr().out
    assert "with the configured certificate" in shown
    assert "client_feed" in shown
    assert "client_clock" in shown


def test_a_service_that_cannot_be_reached_is_found_from_a_clients_side(doctor, directory):
    root = (directory / "root" / "root.pub").read_text().strip()
    profile = directory / "profile.toml"
    profile.write_text(
        'target = "127.0.0.1:9"\nca = "ca/ca.pem"\ncertificate = "client.pem"\nkey = "client.key"\n'
        f'trust_root = "{root}"\n'
    )
    assert doctor("--profile", str(profile))[1]["client_connection"]["level"] == "problem"


@pytest.fixture(scope="module")
def cluster():
    with running_postgres() as cluster:
        yield cluster


@pytest.fixture
def on_postgres(directory):
    def use(url):
        file = directory / "replica-0.toml"
        text = file.read_text().replace(f'path = "{directory}/delegation.sqlite3"', f'url = "{url}"')
        file.write_text(text)

    return use


def test_postgresql_is_looked_at_with_its_clock(doctor, on_postgres, cluster, directory, capsys):
    on_postgres(cluster.new_database())
    assert doctor() == (exit_codes.OK, {})
    assert main(["doctor", "--config", str(directory / "replica-0.toml")]) == exit_codes.OK
    assert "the database server's clock is 0." in capsys.readouterr().out


def test_an_empty_postgresql_is_well(doctor, on_postgres, cluster):
    on_postgres(cluster.new_database(empty=True))
    assert doctor() == (exit_codes.OK, {})


def test_postgresql_of_a_newer_program_is_found(doctor, on_postgres, cluster):
    url = cluster.new_database()
    cluster.sql(url.rpartition("/")[2], "UPDATE alembic_version SET version_num = '9999'")
    on_postgres(url)
    assert "9999 is newer" in doctor()[1]["database"]["found"]


def test_postgresql_out_of_reach_is_found_and_its_password_is_not_shown(doctor, on_postgres, directory, capsys):
    on_postgres("postgresql://delegation:hunter2@127.0.0.1:9/none")
    code, found = doctor()
    assert (code, found["database"]["level"]) == (exit_codes.CONFIG, "problem")
    main(["doctor", "--config", str(directory / "replica-0.toml")])
    assert "hunter2" not in capsys.readouterr().out


@pytest.mark.parametrize("ahead_ms", [0, 1_999, -3_000, 31_000])
def test_the_difference_of_clocks_is_judged_by_the_window_of_a_proof(ahead_ms):
    expected = {0: Level.OK, 1_999: Level.OK, -3_000: Level.WARNING, 31_000: Level.PROBLEM}
    assert judge_skew("clock", "another", ahead_ms).level is expected[ahead_ms]


def test_an_extra_that_is_not_installed_is_found(monkeypatch):
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    (found,) = check_extras({"database": {"url": "postgresql://db/delegation"}})
    assert found.level is Level.PROBLEM
    assert "delegation-chain[postgres]" in found.advice
    (fine,) = check_extras({})
    assert fine.level is Level.OK
