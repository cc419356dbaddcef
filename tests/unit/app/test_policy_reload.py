"""A service follows its policy: by its file, by the database that other replicas write, and by the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from delegation.app.policy_reload import POLICY_DOCUMENT, ReloadingPolicy
from delegation.core.statement import SignedStatement
from delegation.core.trust import Catalogue, CatalogueTool, Effect
from delegation.errors import ConfigError, StorageError
from delegation.service.policy_rules import PolicyRules
from delegation.service.trust import Trust
from delegation.storage.records import DocumentRecord
from delegation.storage.sqlite import SqliteStorage
from support.chains import NOW_MS, bundle
from support.policies import PERMIT, policy_of
from support.server import dev_config

MAIL = CatalogueTool("mail", "send", frozenset({Effect.EXTERNAL}), owner="team-mail")
FAX = CatalogueTool("fax", "send", frozenset({Effect.EXTERNAL}), owner="team-mail")
NO_MAIL = PERMIT + '@id("no-mail") forbid (principal, action, resource == Tool::"mail.send");\n'
NO_FAX = PERMIT + '@id("no-fax") forbid (principal, action, resource == Tool::"fax.send");\n'


class Replica:
    """One replica: its own file, its own look at the database, and a catalogue that a test changes."""

    def __init__(self, directory: Path, text: str, *tools: CatalogueTool) -> None:
        directory.mkdir(exist_ok=True)
        self.file = directory / "policy.cedar"
        self.file.write_text(text)
        self.tools = tools or (MAIL,)
        shared = {"database": {"url": "postgresql://localhost/shared"}}  # as far as it knows: the storage is given
        config = dev_config(directory, policy={"file": self.file}, **shared)
        self.policy = ReloadingPolicy(config, self.trust, now_ms=lambda: NOW_MS)

    def trust(self) -> Trust:
        return Trust(SignedStatement(0, b"", b"", b""), b"", bundle(), Catalogue(self.tools))

    @property
    def rules(self) -> PolicyRules:
        return self.policy.in_use()

    @property
    def names(self) -> set[str]:
        return {rule.id for rule in self.rules.policy.rules}


@pytest.fixture
async def storage(tmp_path):
    opened = SqliteStorage(tmp_path / "delegation.db")
    await opened.open()
    yield opened
    await opened.close()


async def test_the_first_to_start_makes_version_one(tmp_path, storage):
    replica = Replica(tmp_path / "one", PERMIT)
    await replica.policy.start(storage)
    kept = await storage.document(POLICY_DOCUMENT)
    assert (kept.version, replica.rules.version, replica.rules.digest) == (1, 1, policy_of(PERMIT).digest)


async def test_whoever_starts_with_another_text_makes_the_next_version_and_others_follow(tmp_path, storage):
    first, second = Replica(tmp_path / "one", PERMIT), Replica(tmp_path / "two", NO_MAIL)
    await first.policy.start(storage)
    await second.policy.start(storage)
    assert (first.rules.version, second.rules.version) == (1, 2)
    await first.policy.look(storage)
    assert (first.rules.version, first.rules.digest) == (2, second.rules.digest)


async def test_whoever_starts_with_what_was_replaced_follows_the_others(tmp_path, storage):
    await Replica(tmp_path / "one", PERMIT).policy.start(storage)
    await Replica(tmp_path / "two", NO_MAIL).policy.start(storage)
    late = Replica(tmp_path / "three", PERMIT)
    await late.policy.start(storage)
    assert (late.rules.version, late.names) == (2, {"permit", "no-mail"})
    late.file.write_text(PERMIT + "// on purpose")
    await late.policy.look(storage)
    assert (late.rules.version, late.names) == (3, {"permit"})


async def test_a_replica_without_a_file_follows_and_puts_nothing_in_anybodys_place(tmp_path, storage):
    await Replica(tmp_path / "one", NO_MAIL).policy.start(storage)
    config = dev_config(tmp_path / "two", database={"url": "postgresql://localhost/shared"})
    second = ReloadingPolicy(config, Replica(tmp_path / "three", PERMIT).trust, now_ms=lambda: NOW_MS)
    await second.start(storage)
    await second.look(storage)
    assert (second.in_use().version, second.in_use().digest) == (1, policy_of(NO_MAIL).digest)


async def test_a_bad_file_changes_nothing_for_anybody(tmp_path, storage):
    replica = Replica(tmp_path / "one", NO_MAIL)
    await replica.policy.start(storage)
    for text in (NO_FAX, "forbid", "", PERMIT + PERMIT):
        replica.file.write_text(text)
        await replica.policy.look(storage)
        assert (replica.rules.version, replica.names) == (1, {"permit", "no-mail"})
    replica.file.unlink()
    await replica.policy.look(storage)
    assert replica.rules.version == (await storage.document(POLICY_DOCUMENT)).version == 1
    replica.file.write_text(PERMIT)
    await replica.policy.look(storage)
    assert (replica.rules.version, replica.names) == (2, {"permit"})


async def test_rules_and_the_catalogue_that_they_were_checked_against_change_together(tmp_path, storage):
    replica = Replica(tmp_path / "one", NO_MAIL)
    await replica.policy.start(storage)
    replica.tools = (FAX,)  # without mail: the rule would name nothing
    await replica.policy.look(storage)
    assert replica.rules.catalogue.tools == (MAIL,)
    assert replica.names == {"permit", "no-mail"}
    replica.file.write_text(NO_FAX)
    await replica.policy.look(storage)
    assert (replica.rules.catalogue.tools, replica.names) == ((FAX,), {"permit", "no-fax"})
    replica.tools = (FAX, MAIL)
    await replica.policy.look(storage)
    assert replica.rules.catalogue.tools == (FAX, MAIL)


async def test_a_damaged_policy_in_the_database_is_told_and_the_one_in_use_stays(tmp_path, storage):
    replica = Replica(tmp_path / "one", PERMIT)
    await replica.policy.start(storage)
    await storage.put_document(DocumentRecord(POLICY_DOCUMENT, 2, b"[[1]]", NOW_MS))
    await replica.policy.look(storage)
    assert replica.rules.version == 1
    with pytest.raises(ConfigError, match="damaged policy"):
        await Replica(tmp_path / "two", PERMIT).policy.start(storage)


async def test_a_database_that_does_not_answer_changes_nothing(tmp_path, storage):
    replica = Replica(tmp_path / "one", NO_MAIL)
    await replica.policy.start(storage)
    replica.file.write_text(PERMIT)
    await storage.close()
    await replica.policy.look(storage)
    assert replica.names == {"permit", "no-mail"}
    with pytest.raises(StorageError):
        await replica.policy.start(storage)


def test_in_development_a_tool_that_nobody_listed_reads_what_is_public(tmp_path):
    entry = Replica(tmp_path / "one", PERMIT).rules.entry("web", "fetch")
    assert (entry.listed, entry.tool.effects, entry.tool.labels) == (True, {Effect.READ}, frozenset())


def test_elsewhere_it_is_the_most_dangerous_kind():
    entry = PolicyRules(policy_of(PERMIT), Catalogue()).entry("web", "fetch")
    assert (entry.listed, entry.tool.effects, entry.tool.labels) == (False, frozenset(Effect), {"secret"})


async def test_labels_of_the_catalogue_that_no_rule_names_are_told_once(tmp_path, storage):
    scan = CatalogueTool("lab", "scan", frozenset({Effect.READ}), labels=frozenset({"health", "personal", "public"}))
    no_leak = PERMIT + '@id("r") forbid (principal, action, resource) when { context.taskLabels.contains("personal") };'
    with capture_logs() as lines:
        replica = Replica(tmp_path / "one", no_leak, scan)
        await replica.policy.start(storage)
        await replica.policy.look(storage)
    assert [line["labels"] for line in lines if "labels" in line] == [["health"]]
    replica.file.write_text(no_leak.replace('contains("personal")', 'containsAny(["personal", "health"])'))
    with capture_logs() as lines:
        await replica.policy.look(storage)
    assert replica.rules.version == 2
    assert not any("labels" in line for line in lines)
