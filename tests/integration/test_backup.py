"""A backup taken under load, put back, and gone on with: nobody is told that what was revoked is not, unknowingly."""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
import stat
from contextlib import closing

import pytest

from delegation.cli import exit_codes, main
from delegation.core.attest import open_feed_entry
from delegation.core.codec import decode_bundle
from delegation.core.revocation import RevocationKind, RevocationState
from delegation.core.scope import any_call
from delegation.errors import BadProof, Reason, Revoked
from delegation.wire.trust import read_feed_entry
from faults.audit import found
from faults.estate import estate, wait_until
from faults.load import Load
from support.caller import now_ms

READ = any_call("files", "read")


@pytest.fixture
def made(tmp_path):
    (tmp_path / "estate").mkdir()
    with estate(tmp_path / "estate") as made:
        made.replica().start()
        yield made


@pytest.fixture
def db(made, capsys):
    """Run a command of `delegation db` with `--json`; give what it says, or the exit code and its line."""

    def run(*arguments: str):
        capsys.readouterr()
        command, *options = arguments
        code = main(["db", command, *options, "--config", str(made.directory / "replica-0.toml"), "--json"])
        said = capsys.readouterr()
        return json.loads(said.out) if code == exit_codes.OK else (code, said.err)

    return run


def lose(made):
    """Lose the database, with the service."""
    made.replicas[0].kill()
    for path in made.directory.glob("delegation.sqlite3*"):
        path.unlink()


def refused_to_start(made):
    with pytest.raises(AssertionError) as refused:
        made.replicas[0].start()
    return str(refused.value)


def test_a_backup_under_load_is_whole_and_holds_all_that_was_acknowledged_before(made, db, tmp_path):
    copy = tmp_path / "copy.sqlite3"
    with Load(made.connecting(), each=1) as load:
        load.book.more_than(50, timeout_s=60)
        before = set(load.book._acknowledged)
        told = db("backup", str(copy))
        assert told["bytes"] == copy.stat().st_size
        load.book.more_than(len(load.book) + 50, timeout_s=60)
        load.rest()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert not list(tmp_path.glob("*-wal"))
    lose(made)
    assert db("restore", str(copy))["feed_position"] == told["feed_position"]
    assert db("acknowledge-rollback", "--because", "a drill")["feed_position"] > told["feed_position"]
    made.replicas[0].start()
    with made.connected() as auditor:
        seen = found(auditor)
    assert before <= seen.keys()
    assert set(seen.values()) == {1}


def test_a_restored_database_is_not_served_before_somebody_says_so(made, db, tmp_path):
    with made.connected() as caller:
        caller.complete(caller.grant(READ))
    db("backup", str(tmp_path / "copy"))
    lose(made)
    db("restore", str(tmp_path / "copy"))
    assert "acknowledge-rollback" in refused_to_start(made)
    db("acknowledge-rollback", "--because", "the disk was lost")
    made.replicas[0].start()


def test_an_older_database_put_back_by_other_means_is_noticed(made, db, tmp_path):
    database = made.directory / "delegation.sqlite3"
    db("backup", str(tmp_path / "copy"))
    with made.connected() as caller:
        caller.complete(caller.grant(READ))
    wait_until((made.directory / "feed-position").exists, "keeping the feed's position")
    wait_until(lambda: int((made.directory / "feed-position").read_text()) >= 1, "keeping the feed's position")
    lose(made)
    shutil.copy(tmp_path / "copy", database)
    assert "was at 1 before" in refused_to_start(made)
    db("acknowledge-rollback", "--because", "a snapshot of the machine was taken back")
    made.replicas[0].start()
    assert made.replicas[0].stop() == exit_codes.OK
    made.replicas[0].start()  # and it is not asked again


def test_guards_that_were_connected_before_go_on_and_keep_what_they_know(made, db, tmp_path):
    db("backup", str(tmp_path / "copy"))
    guard = RevocationState()
    with made.connected() as caller:
        bundle = decode_bundle(caller.trust_documents().bundle.payload)
        task, kept = caller.grant(READ), caller.grant(READ)
        position = caller.complete(task).feed_position
        listen(caller, guard, bundle, until=position)
    lose(made)
    db("restore", str(tmp_path / "copy"))
    db("acknowledge-rollback", "--because", "a drill")
    made.replicas[0].start()
    with made.connected() as caller:
        again = caller.complete(caller.grant(READ)).feed_position
        assert again > position
        listen(caller, guard, bundle, until=again)  # no FEED_ROLLBACK, no FEED_GAP
        with pytest.raises(Revoked):
            guard.check(frozenset({b"\x03" + task.task_id}))
        # What was granted after the backup is unknown to the service: it decides nothing by it.
        decision = caller.decide(kept, "files", "read", {})
        assert decision.refusal is not None


def listen(caller, guard, bundle, *, until):
    watching = caller.watch(guard.position or 0)
    while (guard.position or 0) < until:
        entry = open_feed_entry(read_feed_entry(next(watching)), bundle, now_ms=now_ms())
        guard.apply(entry, monotonic_ms=0)
    watching.cancel()


def test_what_was_revoked_since_the_backup_has_to_be_revoked_again_and_can_be(made, db, tmp_path):
    with made.connected() as caller:
        task = caller.grant(READ)
        child = caller.hand_off(task, "agent/reader")
        db("backup", str(tmp_path / "copy"))
        caller.revoke(RevocationKind.LINK, child.leaf.link_id)
    lose(made)
    db("restore", str(tmp_path / "copy"))
    db("acknowledge-rollback", "--because", "a drill")
    made.replicas[0].start()
    with made.connected() as caller:
        assert caller.decide(child, "files", "read", {}).refusal is None  # as the page says
        caller.revoke(RevocationKind.LINK, child.leaf.link_id)
        assert caller.decide(child, "files", "read", {}).refusal.reason is Reason.LINK_REVOKED


def test_a_proof_that_may_have_been_used_before_the_restore_is_not_taken_again(made, db, tmp_path):
    with made.connected() as caller:
        task = caller.grant(READ)
        db("backup", str(tmp_path / "copy"))
        question = task.question("files", "read", {"n": secrets.token_hex(4)})
        assert caller.decide_question(question).refusal is None
    lose(made)
    db("restore", str(tmp_path / "copy"))
    db("acknowledge-rollback", "--because", "a drill")
    made.replicas[0].start()
    with made.connected() as caller:
        assert isinstance(caller.decide_question(question).refusal, BadProof)
        assert caller.decide(task, "files", "read", {}).refusal is None


def test_each_restore_has_to_be_acknowledged_whatever_the_clock_says(made, db, tmp_path):
    db("backup", str(tmp_path / "copy"))
    lose(made)
    db("restore", str(tmp_path / "copy"))
    db("acknowledge-rollback", "--because", "the first time")
    with closing(sqlite3.connect(made.directory / "delegation.sqlite3")) as connection:
        connection.execute("UPDATE documents SET stored_ms = stored_ms + 10000000000 WHERE kind LIKE 'restore%'")
        connection.commit()
    made.replicas[0].start()
    db("backup", str(tmp_path / "later"))
    lose(made)
    db("restore", str(tmp_path / "later"))
    assert "acknowledge-rollback" in refused_to_start(made)
    db("acknowledge-rollback", "--because", "the second time")
    made.replicas[0].start()


def test_a_database_has_one_process_that_serves_it_and_nobody_goes_on_with_it_meanwhile(made, db):
    second = made.replica()
    with pytest.raises(AssertionError, match="another process serves"):
        second.start()
    code, line = db("acknowledge-rollback", "--because", "in a hurry")
    assert (code, "another process serves" in line) == (exit_codes.CONFIG, True)
    made.replicas[0].kill()
    second.start()  # the lock ended with its process


# -- what a copy is not put over, and what is not taken for one


def test_nothing_is_overwritten(made, db, tmp_path):
    (tmp_path / "copy").write_bytes(b"precious")
    code, line = db("backup", str(tmp_path / "copy"))
    assert (code, line.count("\n")) == (exit_codes.CONFIG, 1)
    assert (tmp_path / "copy").read_bytes() == b"precious"
    db("backup", str(tmp_path / "other"))
    code, line = db("restore", str(tmp_path / "other"))
    assert code == exit_codes.CONFIG
    assert "move it away" in line


def test_a_copy_that_cannot_be_used_is_refused_in_one_line_and_leaves_nothing(made, db, tmp_path):
    db("backup", str(tmp_path / "copy"))
    lose(made)
    content = (tmp_path / "copy").read_bytes()
    with closing(sqlite3.connect(tmp_path / "copy")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    (tmp_path / "half").write_bytes(content[: len(content) // 2])
    (tmp_path / "text").write_bytes(b"nothing of the kind" * 1000)
    for name in ("copy", "half", "text", "missing"):
        code, line = db("restore", str(tmp_path / name))
        assert (code, line.count("\n")) == (exit_codes.CONFIG, 1), name
        assert not list(made.directory.glob("*delegation.sqlite3")), name


def test_going_on_without_saying_why_is_refused(made, db):
    made.replicas[0].kill()
    assert db("acknowledge-rollback", "--because", " ")[0] == exit_codes.CONFIG
