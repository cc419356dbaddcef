"""A database is served under the root key of its first start, and under another one when its operator says so."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing

import pytest

from delegation.app import create_root_key, sign_bundle_file
from delegation.cli import exit_codes, main
from delegation.core.attest import open_bundle
from delegation.core.scope import any_call
from delegation.server.catalogue_file import load_catalogue
from delegation.signing.sealed_file import SealedFiles
from delegation.signing.sealed_format import ScryptCost
from faults.estate import TRUST_DOMAIN, estate
from support.postgres import running_postgres

READ = any_call("files", "read")
SECRET = b"quite secret"
ANOTHER_ROOT = "root.pub is another root key than the one that this database was served under"


@pytest.fixture(params=["sqlite", "postgres"])
def made(tmp_path, request):
    (tmp_path / "estate").mkdir()
    if request.param == "sqlite":
        with estate(tmp_path / "estate") as one:
            yield served(one)
    else:
        with (
            running_postgres() as cluster,
            estate(tmp_path / "estate", database=f'url = "{cluster.new_database()}"') as one,
        ):
            yield served(one)


def served(made):
    """Let it have been served once."""
    made.replica().start()
    assert made.replicas[0].stop() == exit_codes.OK
    return made


@pytest.fixture
def run(made, capsys):
    """Run a command with `--json` on its configuration; give the exit code and what it says."""

    def run(*arguments: str):
        capsys.readouterr()
        code = main([*arguments, "--config", str(made.directory / "replica-0.toml"), "--json"])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else said.err

    return run


def new_root(made, name: str) -> bytes:
    """Put another root and a bundle of its own where the service reads both; give its public key."""
    root, keys = made.directory / name, made.directory / "keys"
    public = create_root_key(root, SECRET, cost=ScryptCost(log2_n=10))
    (keys / "trust-bundle.bin").unlink()
    sign_bundle_file(
        keys,
        root_directory=root,
        root_passphrase=SECRET,
        store=SealedFiles(keys, lambda: SECRET),
        trust_domain=TRUST_DOMAIN,
        catalogue=load_catalogue(made.directory / "tools.toml"),
    )
    return public


def refused_to_start(made) -> str:
    with pytest.raises(AssertionError) as refused:
        made.replicas[0].start()
    return str(refused.value)


def works_under(made, root: bytes) -> None:
    made.replicas[0].start()
    with made.connected() as caller:
        open_bundle(caller.trust_documents().bundle, root, now_ms=0)
        assert caller.decide(caller.grant(READ), "files", "read", {}).refusal is None
    assert made.replicas[0].stop() == exit_codes.OK


def test_who_can_write_to_the_directory_of_keys_does_not_become_the_services_root(made, run):
    former = made.directory / "former"
    shutil.copytree(made.directory / "keys", former)
    new_root(made, "thief")
    assert ANOTHER_ROOT in refused_to_start(made)
    code, told = run("doctor")
    assert code == exit_codes.CONFIG
    assert {each["check"] for each in told["findings"] if each["level"] == "problem"} == {"root_key"}
    shutil.rmtree(made.directory / "keys")
    former.rename(made.directory / "keys")
    made.replicas[0].start()


def test_an_operator_goes_on_under_a_new_root_by_saying_which_and_why(made, run):
    former = made.directory / "former"
    shutil.copytree(made.directory / "keys", former)
    public = new_root(made, "second")
    text = (made.directory / "second" / "root.pub").read_text().strip()
    others = (made.directory / "root" / "root.pub").read_text().strip()
    for another in (others, "-h" + others[2:]):  # one in 64 begins with a dash
        assert run("db", "accept-root", another, "--because", "the wrong one")[0] == exit_codes.CONFIG
    assert run("db", "accept-root", text, "--because", " ")[0] == exit_codes.CONFIG
    assert ANOTHER_ROOT in refused_to_start(made)
    assert run("db", "accept-root", text, "--because", "root was seen") == (exit_codes.OK, {"changed": True})
    assert run("db", "accept-root", text, "--because", "again") == (exit_codes.OK, {"changed": False})
    works_under(made, public)
    works_under(made, public)
    assert run("doctor")[0] == exit_codes.OK
    shutil.rmtree(made.directory / "keys")
    former.rename(made.directory / "keys")
    assert ANOTHER_ROOT in refused_to_start(made)


def test_a_database_of_before_roots_were_kept_takes_only_the_one_that_signed_its_bundle(tmp_path):
    with estate(tmp_path) as made:
        served(made)
        with closing(sqlite3.connect(tmp_path / "delegation.sqlite3")) as connection:
            connection.execute("DELETE FROM documents WHERE kind = 'trust_root'")
            connection.commit()
        keys, former = tmp_path / "keys", tmp_path / "former"
        shutil.copytree(keys, former)
        new_root(made, "thief")
        assert ANOTHER_ROOT in refused_to_start(made)
        shutil.rmtree(keys)
        former.rename(keys)
        made.replicas[0].start()
