"""Adapter: the callers that the operator listed in the configuration. A table, nothing more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from delegation.errors import ConfigError, Unauthenticated
from delegation.identity.port import Caller, Ceiling, Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DEVELOPMENT_ROLES = frozenset({Role.AGENT, Role.ORCHESTRATOR, Role.TOOL})
PEOPLE_ROLES = frozenset({Role.APPROVER, Role.AUDITOR, Role.OPERATOR})
DEVELOPMENT_OWNER = "development"


class StaticIdentities:
    """Known callers by id. Whoever is not listed is refused, unless a rule for others is given."""

    def __init__(self, callers: Iterable[Caller], *, unlisted: Callable[[str], Caller] | None = None) -> None:
        """Make the table.

        Args:
            callers: Everybody listed.
            unlisted: Makes a caller of an id that is proved but not listed; for development only.

        Raises:
            ConfigError: An id is listed twice.
        """
        self._callers: dict[str, Caller] = {}
        self._unlisted = unlisted
        for caller in callers:
            if caller.id in self._callers:
                raise ConfigError(f"identity {caller.id} is listed twice: remove one of them")
            self._callers[caller.id] = caller

    def find(self, caller_id: str) -> Caller:
        """Return the caller of an id that was proved already.

        Raises:
            Unauthenticated: It is not listed.
        """
        caller = self._callers.get(caller_id)
        if caller is not None:
            return caller
        if self._unlisted is not None:
            return self._unlisted(caller_id)
        raise Unauthenticated(f"{caller_id} is not known here: its operator can list it under identities")


def development_caller(caller_id: str) -> Caller:
    """Make the caller that `--dev` sees in an id that is not listed: all that agents and tools do."""
    return Caller(
        id=caller_id,
        roles=DEVELOPMENT_ROLES,
        any_audience=True,
        ceiling=Ceiling.UNLIMITED,
        owner=DEVELOPMENT_OWNER,
    )


def development_operator(caller_id: str) -> Caller:
    """Make the caller that `--dev` lists for the person at the keyboard: what people may do."""
    return Caller(
        id=caller_id,
        roles=DEVELOPMENT_ROLES | PEOPLE_ROLES,
        any_audience=True,
        ceiling=Ceiling.UNLIMITED,
        owner=DEVELOPMENT_OWNER,
    )
