"""The decision point of a running service, in the place of a policy of its own; it follows the catalogue.

Where it is asked is configuration of each replica, and no version of the database: its rules are not known here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import structlog

from delegation.app.policy_reload import LOOK_EVERY_SECONDS, POLICY_DOCUMENT
from delegation.app.token_file import TokenFile
from delegation.core.chain import Principal, PrincipalBasis
from delegation.core.trust import Catalogue
from delegation.core.unlisted import entry_of
from delegation.errors import ConfigError
from delegation.policy.authzen import AuthZenPolicy
from delegation.policy.port import Action, PolicyQuestion, Verdict
from delegation.server.config import ServerConfig
from delegation.server.config_sections import PolicyConfig
from delegation.service.decision_point import DecisionPoint
from delegation.service.policy_in_use import PolicyInUse
from delegation.service.policy_rules import PolicyRules
from delegation.service.rules_elsewhere import RulesElsewhere
from delegation.service.trust import Trust
from delegation.service.unexpected import log_unexpected
from delegation.storage.port import Storage

_LOG: Final = structlog.get_logger("delegation")


class FollowedDecisionPoint:
    """A decision point, and the catalogue that it is told of. Used as `ReloadingPolicy` is; then closed.

    Args:
        config: where it is asked, and how.
        trust: gives the trust bundle in use, with its catalogue.
        now_ms: the clock.

    Raises:
        ConfigError: a file cannot be read, or the extra is not installed.
    """

    def __init__(self, config: ServerConfig, trust: Callable[[], Trust], *, now_ms: Callable[[], int]) -> None:
        self._config = config
        self._trust = trust
        self._now_ms = now_ms
        self._look_now = asyncio.Event()
        self._client = client_of(config.policy)
        self._point = DecisionPoint(self._client, places=max(4, config.limits.queue_capacity // 2))
        self.in_use = PolicyInUse(self._rules())

    async def start(self, storage: Storage) -> None:
        """Say what decides here. Raises `StorageError`: the database cannot be used."""
        rules, url = self.in_use(), self._config.policy.decision_point
        _LOG.info("a decision point decides", url=url, digest=rules.digest.hex())
        if (kept := await storage.document(POLICY_DOCUMENT)) is not None:
            _LOG.info("replicas without a decision point decide by rules", version=kept.version)
        self._tell(rules)

    async def follow(self, storage: Storage, *, every_seconds: float = LOOK_EVERY_SECONDS) -> None:
        """Look now and then for another catalogue, and at once when told to, until cancelled."""
        del storage
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._look_now.wait(), every_seconds)
            self._look_now.clear()
            try:
                if self._trust().catalogue != self.in_use().catalogue:
                    self.in_use.use(rules := self._rules())
                    self._tell(rules)
            except Exception as error:  # noqa: BLE001 - following must go on, whatever happens
                log_unexpected("following the catalogue", error)

    def look_now(self) -> None:
        """Have `follow` look at once: SIGHUP."""
        self._look_now.set()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _rules(self) -> RulesElsewhere:
        trust = self._trust()
        return RulesElsewhere(
            self._point,
            trust.catalogue,
            now_ms=self._now_ms,
            catalogue_digest=trust.bundle.catalogue_digest if trust.is_whole else b"",
            dev=self._config.dev,
        )

    def _tell(self, rules: PolicyRules) -> None:
        if tools := rules.not_asked_about:
            _LOG.warning("guards decide these tools in process, and no decision point is asked", tools=tools)


def client_of(policy: PolicyConfig) -> AuthZenPolicy:
    """Make the client that the configuration asks for.

    Raises:
        ConfigError: a file cannot be read, or the extra is not installed.
    """
    url, file = policy.decision_point, policy.decision_point_token_file
    if url is None:
        raise ConfigError("policy.decision_point is not set")
    token = TokenFile(file, "policy.decision_point_token_file") if file is not None else ""
    return AuthZenPolicy(url, ca=policy.decision_point_ca, token=token, timeout_ms=policy.decision_point_timeout_ms)


async def probe(config: ServerConfig) -> Verdict:
    """Ask the decision point once, about an agent and a tool that do not exist.

    Any answer shows that it can be asked. A `Denial` with `failed` says in its words what is wrong; a `Permit` is a
    strange answer to that.

    Raises:
        ConfigError: a file cannot be read, or the extra is not installed.
    """
    agent = f"spiffe://{config.trust_domain}/delegation/doctor"
    question = PolicyQuestion(
        Action.CALL,
        entry_of(Catalogue(), "delegation", "doctor"),
        listed=False,
        principal=Principal(agent, config.trust_domain, PrincipalBasis.ASSERTED),
        agents=(agent,),
        now_s=0,
    )
    async with client_of(config.policy) as client:
        return await client.ask(question)
