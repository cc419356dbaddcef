"""The policy of a running service: from its file, kept in the database by version, followed without a restart.

All replicas of a database decide by its newest version. Whoever's file changes, makes one. What cannot be used is
reported and passed over as a whole; what worked before goes on working.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from delegation.app.policy_files import read_policy_files
from delegation.errors import ConfigError, Conflict, StorageError
from delegation.policy.load import load_policy, require_no_agents, text_digest
from delegation.policy.source import Source
from delegation.policy.spelling import labels_without_a_rule
from delegation.server.config import ServerConfig
from delegation.service.policy_in_use import PolicyInUse
from delegation.service.policy_rules import Consented, PolicyRules, nobody_consented
from delegation.service.trust import Trust
from delegation.service.unexpected import log_unexpected
from delegation.storage.port import Storage
from delegation.storage.records import DocumentRecord

LOOK_EVERY_SECONDS: Final = 2.0
POLICY_DOCUMENT: Final = "policy"
"""As which kind of document the database keeps policies."""

EARLIER_VERSIONS: Final = 100
"""So many are looked through for a file that is older than what is in use."""

_LOG: Final = structlog.get_logger("delegation")
Sources = tuple[Source, ...]


class ReloadingPolicy:
    """The policy that a service decides by; it follows its file, the database, and the catalogue.

    Args:
        config: where the file is.
        trust: gives the trust bundle in use, with its catalogue.
        now_ms: the clock.
        consented: tells whether people have consented to a call.

    Raises:
        ConfigError: the policy cannot be used: file, line, rule and reason.
    """

    def __init__(
        self,
        config: ServerConfig,
        trust: Callable[[], Trust],
        *,
        now_ms: Callable[[], int],
        consented: Consented = nobody_consented,
    ) -> None:
        self._config = config
        self._trust = trust
        self._now_ms = now_ms
        self._consented = consented
        self._look_now = asyncio.Event()
        self._said = ""
        self._labels_told: tuple[str, ...] = ()
        self._read = self._sources = self._in_file()
        self.in_use = PolicyInUse(self._rules(self._sources, trust(), 0))

    async def start(self, storage: Storage) -> None:
        """Take the newest policy that this database has, and keep there what the file says if that is newer.

        Raises:
            ConfigError: the database's policy cannot be used with this catalogue.
            StorageError: the database cannot be used.
        """
        kept = await storage.document(POLICY_DOCUMENT)
        if kept is None:
            await self._publish(storage, self._sources, 1)
        elif text_digest(newest := _sources_in(kept)) == text_digest(self._sources):
            await self._use(newest, kept.version)
        elif why := await self._why_it_stays(storage, kept.version):
            file = str(self._config.policy.file or "as shipped")
            _LOG.warning("the policy in use stays", version=kept.version, file=file, why=why)
            await self._use(newest, kept.version)
        else:
            await self._publish(storage, self._sources, kept.version + 1)
        await self._look_at_database(storage)  # another replica may have been faster

    async def _why_it_stays(self, storage: Storage, version: int) -> str:
        """Say why the file is not put in the place of what other replicas decide by; empty if it is."""
        if not self._config.database.url:
            return ""  # alone, the file is all there is
        if self._config.policy.file is None:
            return "this replica has no file: set policy.file"
        if await _was_before(storage, self._sources, version):
            return "the file is older: change it to go back"
        return ""

    async def follow(self, storage: Storage, *, every_seconds: float = LOOK_EVERY_SECONDS) -> None:
        """Look for something new now and then, and at once when told to, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._look_now.wait(), every_seconds)
            self._look_now.clear()
            await self.look(storage)

    def look_now(self) -> None:
        """Have `follow` look at once: SIGHUP."""
        self._look_now.set()

    async def close(self) -> None:
        """Let go of nothing: files are opened only to be read."""

    async def look(self, storage: Storage) -> None:
        """Take what is new: in the file, in the database, in the catalogue. Raises nothing."""
        wrong = ""
        for step in (self._look_at_file, self._look_at_database, self._look_at_catalogue):
            try:
                await step(storage)
            except (ConfigError, StorageError) as error:
                wrong = wrong or str(error)
            except Exception as error:  # noqa: BLE001 - following must go on, whatever happens
                log_unexpected("following the policy", error)
        if wrong and wrong != self._said:  # once for as long as the same is wrong
            _LOG.warning("the policy cannot be used as it is: the one before stays in use", why=wrong)
        self._said = wrong

    async def _look_at_file(self, storage: Storage) -> None:
        """Make another version of a file that has changed since it was read. A bad one is told again and again."""
        found = await asyncio.to_thread(self._in_file)
        if found == self._read:
            return
        kept = await storage.document(POLICY_DOCUMENT)
        if kept is None or text_digest(_sources_in(kept)) != text_digest(found):  # else another replica was first
            await self._publish(storage, found, kept.version + 1 if kept else 1)
        self._read = found

    async def _look_at_database(self, storage: Storage) -> None:
        kept = await storage.document(POLICY_DOCUMENT)
        if kept is not None and kept.version > self.in_use().version:
            await self._use(_sources_in(kept), kept.version)

    async def _look_at_catalogue(self, storage: Storage) -> None:
        """Check the rules in use against the catalogue in use: before that, they go on with the one before."""
        del storage
        if self._trust().catalogue != self.in_use().catalogue:
            await self._use(self._sources, self.in_use().version)

    async def _publish(self, storage: Storage, sources: Sources, version: int) -> None:
        """Check a policy, keep it as the newest version, and decide by it."""
        rules = await asyncio.to_thread(self._rules, sources, self._trust(), version)
        content = json.dumps([list(source) for source in sources]).encode()
        try:
            await storage.put_document(DocumentRecord(POLICY_DOCUMENT, version, content, self._now_ms()))
        except Conflict:
            _LOG.warning("another replica has put another policy in use meanwhile", version=version)
            return  # that one is looked at next
        self._take(rules, sources)

    async def _use(self, sources: Sources, version: int) -> None:
        """Check a policy, and decide by it. Raises `ConfigError`."""
        self._take(await asyncio.to_thread(self._rules, sources, self._trust(), version), sources)

    def _take(self, rules: PolicyRules, sources: Sources) -> None:
        former = self.in_use()
        self._sources = sources
        self.in_use.use(rules)
        if (former.version, former.digest) != (rules.version, rules.digest):
            if former.version:  # at the start there is nothing else to be in use
                _LOG.info("policy in use", version=rules.version, digest=rules.digest.hex())
            if tools := rules.not_asked_about:
                _LOG.warning("rules may concern tools that guards decide in process, without asking them", tools=tools)

    def _rules(self, sources: Sequence[Source], trust: Trust, version: int) -> PolicyRules:
        policy = load_policy(sources, trust.catalogue)
        if not self._config.sessions.agents_remembered_ms:
            require_no_agents(policy)
        self._tell_of_labels(labels_without_a_rule(policy.rules, trust.catalogue))
        return PolicyRules(
            policy,
            trust.catalogue,
            catalogue_digest=trust.bundle.catalogue_digest if trust.is_whole else b"",
            version=version,
            dev=self._config.dev,
            consented=self._consented,
        )

    def _tell_of_labels(self, labels: tuple[str, ...]) -> None:
        if labels and labels != self._labels_told:
            _LOG.warning("no rule names these labels: nothing follows from reading what has them", labels=list(labels))
        self._labels_told = labels

    def _in_file(self) -> Sources:
        file = self._config.policy.file
        return read_policy_files([file] if file else [])


async def _was_before(storage: Storage, sources: Sources, newest: int) -> bool:
    """Tell whether a policy is an earlier version of the database's."""
    for version in range(newest - 1, max(0, newest - 1 - EARLIER_VERSIONS), -1):
        kept = await storage.document(POLICY_DOCUMENT, version)
        if kept is not None and text_digest(_sources_in(kept)) == text_digest(sources):
            return True
    return False


def _sources_in(kept: DocumentRecord) -> Sources:
    return sources_in(kept.content)


def sources_in(content: bytes) -> Sources:
    """Read a kept policy. Raises `ConfigError` if this program has not written it."""
    try:
        return tuple(Source(str(name), str(text)) for name, text in json.loads(content))
    except (ValueError, TypeError):
        raise ConfigError("the database holds a damaged policy: restore the database") from None
