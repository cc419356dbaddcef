"""A service follows its trust bundle: by its files, by the database that other replicas write, and by the clock."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from delegation.app import trust_reload
from delegation.app.key_files import create_root_key, create_service_keys, read_root_public
from delegation.app.next_bundle import give_up_key, rotate_key, sign_bundle_file
from delegation.app.trust_reload import ReloadingTrust
from delegation.core.attest import catalogue_digest
from delegation.core.codec import encode_statement
from delegation.core.keys import SigningKey
from delegation.core.trust import KeyPurpose
from delegation.errors import ConfigError, ServiceUnavailable
from delegation.private_files import write_private
from delegation.server.catalogue_file import load_catalogue
from delegation.service.bundle_signing import sign_trust_bundle
from delegation.signing.sealed_file import SealedFiles
from delegation.signing.sealed_format import ScryptCost
from delegation.storage.sqlite import SqliteStorage
from support.chains import NOW_MS
from support.server import dev_config

CHEAP = ScryptCost(log2_n=10)
SECRET = b"secret"
DOMAIN = "test.example"
AHEAD_MS = 300_000
GRANT, STATEMENT = KeyPurpose.GRANT, KeyPurpose.STATEMENT
TOOL = '[[tool]]\naudience = "files"\nname = "{name}"\nowner = "tests"\neffects = ["read"]\n'


class Replica:
    """One replica: its own directory of keys, its own look at the database."""

    def __init__(self, directory: Path, clock) -> None:
        self.keys = directory / "keys"
        self.catalogue = directory / "tools.toml"
        config = dev_config(directory, catalogue=self.catalogue)
        self.store = SealedFiles(self.keys, lambda: SECRET, cost=CHEAP)
        self.trust = ReloadingTrust(config, self.store, root_key=read_root_public(self.keys), now_ms=clock)

    @property
    def version(self) -> int:
        return self.trust.in_use.trust.bundle.version

    def signs_with(self, purpose: KeyPurpose) -> bytes:
        return getattr(self.trust.in_use.keys, purpose).key_id


class Clock:
    now_ms = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def root(tmp_path):
    create_root_key(tmp_path / "root", SECRET, cost=CHEAP)
    return tmp_path / "root"


@pytest.fixture
def operator(root, clock):
    """Give what the commands of `delegation keys` take."""

    def given(replica_keys: Path) -> dict[str, object]:
        store = SealedFiles(replica_keys, lambda: SECRET, cost=CHEAP)
        return {"store": store, "root_directory": root, "root_passphrase": SECRET, "now_ms": clock}

    return given


@pytest.fixture
def home(tmp_path, operator, clock) -> Path:
    home = tmp_path / "one"
    create_service_keys(home / "keys", SECRET, cost=CHEAP)
    (home / "tools.toml").write_text(TOOL.format(name="read"))
    catalogue = load_catalogue(home / "tools.toml")
    sign_bundle_file(home / "keys", trust_domain=DOMAIN, catalogue=catalogue, **operator(home / "keys"))
    clock.now_ms += 2 * AHEAD_MS
    return home


@pytest.fixture
async def storage(tmp_path):
    opened = SqliteStorage(tmp_path / "service.sqlite3")
    await opened.open()
    yield opened
    await opened.close()


async def test_a_rotated_key_is_taken_from_its_file_and_signs_when_it_is_due(home, storage, operator, clock):
    replica = Replica(home, clock)
    await replica.trust.start(storage)
    former = replica.signs_with(GRANT)
    rotate_key(home / "keys", GRANT, **operator(home / "keys"))
    await replica.trust.look(storage)
    assert (replica.version, replica.signs_with(GRANT)) == (2, former)
    clock.now_ms += AHEAD_MS
    await replica.trust.look(storage)
    assert replica.signs_with(GRANT) != former
    assert replica.trust.in_use.verifier.trust.version == 2


async def test_another_replica_takes_the_bundle_from_the_database(home, tmp_path, storage, operator, clock):
    shutil.copytree(home, tmp_path / "two")
    one, two = Replica(home, clock), Replica(tmp_path / "two", clock)
    await one.trust.start(storage)
    await two.trust.start(storage)
    rotate_key(home / "keys", GRANT, **operator(home / "keys"))
    await one.trust.look(storage)
    await two.trust.look(storage)
    assert (one.version, two.version) == (2, 2)
    clock.now_ms += AHEAD_MS
    for replica in (one, two):
        await replica.trust.look(storage)
    assert one.signs_with(GRANT) != two.signs_with(GRANT), "it has not been given the key yet"
    for key in (home / "keys").glob("grant-*.key"):
        shutil.copy(key, tmp_path / "two" / "keys")
    await two.trust.look(storage)
    assert one.signs_with(GRANT) == two.signs_with(GRANT)


async def test_a_replica_that_starts_with_an_old_file_takes_the_newest_bundle_with_its_catalogue(
    home, tmp_path, storage, operator, clock
):
    shutil.copytree(home, tmp_path / "two")
    one = Replica(home, clock)
    await one.trust.start(storage)
    (home / "tools.toml").write_text(TOOL.format(name="search"))
    catalogue = load_catalogue(home / "tools.toml")
    sign_bundle_file(home / "keys", trust_domain=DOMAIN, catalogue=catalogue, **operator(home / "keys"))
    await one.trust.look(storage)
    two = Replica(tmp_path / "two", clock)
    await two.trust.start(storage)
    for replica in (one, two):
        assert replica.version == 2
        assert replica.trust.in_use.trust.catalogue == catalogue
        assert replica.trust.in_use.verifier.trust.catalogue_digest == catalogue_digest(catalogue)


async def test_a_compromised_key_signs_no_more_at_the_next_look(home, storage, operator, clock):
    replica = Replica(home, clock)
    await replica.trust.start(storage)
    for purpose in (GRANT, STATEMENT, KeyPurpose.CHECKPOINT):
        former = replica.signs_with(purpose)
        give_up_key(home / "keys", former, **operator(home / "keys"))
        await replica.trust.look(storage)
        assert replica.signs_with(purpose) != former


def by_another_root(replica: Replica) -> bytes:
    bundle = replica.trust.in_use.trust.bundle
    forged = sign_trust_bundle(
        SigningKey(bytes(32)), bundle.keys, trust_domain=DOMAIN, version=bundle.version + 1, now_ms=NOW_MS
    )
    return encode_statement(forged)


@pytest.mark.parametrize(
    "content",
    [lambda _: b"", lambda _: b"nonsense", by_another_root],
    ids=["nothing", "nonsense", "another root's"],
)
async def test_a_bundle_that_cannot_be_used_is_passed_over_until_it_is_mended(home, storage, operator, clock, content):
    replica = Replica(home, clock)
    await replica.trust.start(storage)
    file = home / "keys" / "trust-bundle.bin"
    good = file.read_bytes()
    file.write_bytes(content(replica))
    await replica.trust.look(storage)
    assert replica.version == 1
    file.write_bytes(good)
    rotate_key(home / "keys", STATEMENT, **operator(home / "keys"))
    await replica.trust.look(storage)
    assert replica.version == 2


async def test_a_catalogue_that_no_bundle_names_is_passed_over(home, storage, operator, clock):
    replica = Replica(home, clock)
    await replica.trust.start(storage)
    before = replica.trust.in_use.trust
    (home / "tools.toml").write_text(TOOL.format(name="search"))
    await replica.trust.look(storage)
    assert replica.trust.in_use.trust == before


async def test_a_compromise_counts_where_the_key_that_follows_is_not(home, tmp_path, storage, operator, clock):
    shutil.copytree(home, tmp_path / "two")
    two = Replica(tmp_path / "two", clock)
    await two.trust.start(storage)
    former = two.signs_with(GRANT)
    give_up_key(home / "keys", former, **operator(home / "keys"))
    shutil.copy2(home / "keys" / "trust-bundle.bin", tmp_path / "two" / "keys")
    await two.trust.look(storage)
    assert two.version == two.trust.in_use.verifier.trust.version == 2
    with pytest.raises(ServiceUnavailable):
        two.trust.in_use.keys.grant.sign(b"")
    for file in (home / "keys").glob("grant-*.key"):
        shutil.copy2(file, tmp_path / "two" / "keys")
    await two.trust.look(storage)
    assert two.signs_with(GRANT) not in {former, None}
    assert two.trust.in_use.keys.grant.sign(b"")


@pytest.mark.parametrize("beside", ["another catalogue", "a damaged key"])
async def test_a_compromise_counts_whatever_lies_beside_it(home, tmp_path, *, storage, operator, clock, beside):
    replica = Replica(home, clock)
    await replica.trust.start(storage)
    former = replica.signs_with(GRANT)
    shutil.copytree(home / "keys", tmp_path / "offline")
    if beside == "another catalogue":
        (home / "tools.toml").write_text(TOOL.format(name="search"))
    else:
        write_private(home / "keys" / "grant-0000.key", b"half a key")
    give_up_key(tmp_path / "offline", former, **operator(tmp_path / "offline"))
    shutil.copytree(tmp_path / "offline", home / "keys", dirs_exist_ok=True)
    await replica.trust.look(storage)
    assert replica.trust.in_use.verifier.trust.version == 2
    assert len(replica.trust.in_use.trust.catalogue.tools) == 1
    with contextlib.suppress(ServiceUnavailable):
        assert replica.signs_with(GRANT) != former


def _nested() -> bytes:
    return b"tool = " + b"[" * 100_000


@pytest.mark.parametrize(
    "content",
    [None, b"[[tool]\n", b"[[tool]]\ncolour = 'red'\n", b"# \xff\n", _nested()],
    ids=["is missing", "is half edited", "has an unknown word", "is no text", "is nested by the thousand"],
)
async def test_a_compromise_counts_though_the_catalogue_file(home, storage, operator, clock, content):
    replica = Replica(home, clock)
    await replica.trust.start(storage)
    former = replica.signs_with(GRANT)
    replica.catalogue.unlink()
    if content is not None:
        replica.catalogue.write_bytes(content)
    give_up_key(home / "keys", former, **operator(home / "keys"))
    await replica.trust.look(storage)
    assert replica.trust.in_use.verifier.trust.version == 2
    assert replica.signs_with(GRANT) != former
    assert len(replica.trust.in_use.trust.catalogue.tools) == 1, "the bundle names the one that was in use"


@pytest.mark.parametrize("store", ["hangs", "fails"])
async def test_a_compromise_counts_whatever_the_store_of_keys_does(
    home, storage, operator, clock, monkeypatch, *, store
):
    replica = Replica(home, clock)
    await replica.trust.start(storage)
    former, released, opened = replica.signs_with(GRANT), threading.Event(), []

    def open_key(*_):
        opened.append(True)
        released.wait(60)
        raise RuntimeError("a defect")

    if store == "fails":
        released.set()
    monkeypatch.setattr(trust_reload, "OPEN_WITHIN_SECONDS", 0.05 if store == "hangs" else 60)
    give_up_key(home / "keys", former, **operator(home / "keys"))
    monkeypatch.setattr(replica.store, "open", open_key)
    try:
        for _ in range(3):
            await replica.trust.look(storage)
            assert replica.trust.in_use.verifier.trust.version == 2
            with pytest.raises(ServiceUnavailable):
                replica.trust.in_use.keys.grant.sign(b"")
        assert store == "fails" or len(opened) == 1, "nobody else hangs there, too"
    finally:
        released.set()
    monkeypatch.undo()
    await asyncio.wait({replica.trust._opening})
    await replica.trust.look(storage)
    assert replica.signs_with(GRANT) != former


async def test_of_two_bundles_of_one_version_the_first_stays_in_use(home, tmp_path, storage, operator, clock):
    replica = Replica(home, clock)
    await replica.trust.start(storage)
    shutil.copytree(home / "keys", tmp_path / "elsewhere")
    rotate_key(home / "keys", GRANT, **operator(home / "keys"))
    await replica.trust.look(storage)
    before = replica.trust.in_use.trust
    rotate_key(tmp_path / "elsewhere", STATEMENT, **operator(tmp_path / "elsewhere"))
    shutil.copytree(tmp_path / "elsewhere", home / "keys", dirs_exist_ok=True)
    await replica.trust.look(storage)
    assert replica.version == 2
    assert replica.trust.in_use.trust == before


async def test_an_older_bundle_is_not_gone_back_to(home, storage, operator, clock):
    replica = Replica(home, clock)
    await replica.trust.start(storage)
    older = (home / "keys" / "trust-bundle.bin").read_bytes()
    rotate_key(home / "keys", GRANT, **operator(home / "keys"))
    await replica.trust.look(storage)
    (home / "keys" / "trust-bundle.bin").write_bytes(older)
    await replica.trust.look(storage)
    assert replica.version == replica.trust.in_use.verifier.trust.version == 2


async def test_a_key_that_counts_only_later_is_ready_when_it_does(home, storage, operator, clock):
    replica = Replica(home, clock)
    await replica.trust.start(storage)
    former = replica.signs_with(GRANT)
    ahead = {**operator(home / "keys"), "now_ms": lambda: clock.now_ms + 60 * 60_000}
    rotate_key(home / "keys", GRANT, **ahead)
    await replica.trust.look(storage)
    assert replica.signs_with(GRANT) == former
    clock.now_ms += 2 * 60 * 60_000
    await replica.trust.look(storage)
    assert replica.signs_with(GRANT) != former


async def test_without_its_keys_a_service_does_not_start(home, clock):
    (home / "keys" / "statement.key").unlink()
    with pytest.raises(ConfigError, match=r"statement\.key"):
        Replica(home, clock)


async def test_who_is_told_to_look_does_so_at_once(home, storage, operator, clock):
    replica = Replica(home, clock)
    await replica.trust.start(storage)
    following = asyncio.create_task(replica.trust.follow(storage, every_seconds=3_600))
    try:
        rotate_key(home / "keys", GRANT, **operator(home / "keys"))
        os.utime(home / "keys")
        replica.trust.look_now()
        deadline = time.monotonic() + 30
        while replica.version != 2:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
