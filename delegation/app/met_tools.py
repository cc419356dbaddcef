"""`--dev` lists what it meets: tools that guards tell of are in the signed catalogue beside what `tools.toml` says.

What only reads what is public is local, so that guards decide it in process without anybody writing a catalogue; but
not where rules have something to say about it, which nobody would ask. What declares more is listed with that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import structlog

from delegation.core.attest import catalogue_digest
from delegation.core.declaration import Declaration
from delegation.core.labels import PUBLIC
from delegation.core.tool_id import tool_id
from delegation.core.trust import Catalogue, CatalogueTool, Effect
from delegation.errors import ConfigError, StorageError
from delegation.identity.static import DEVELOPMENT_OWNER
from delegation.service.policy_rules import PolicyRules
from delegation.service.tool_reports import declared_in
from delegation.service.unexpected import log_unexpected
from delegation.storage.port import Storage

MOST_MET: Final = 512
"""Tools that are listed besides the operator's: more are nobody's to look through."""

PAUSE_SECONDS: Final = 1.0
"""Between two bundles: who declares tools one by one causes few."""

_READS: Final = frozenset({Effect.READ})
_LOG: Final = structlog.get_logger("delegation")
Pair = tuple[str, str]


class MetTools:
    """The tools that development has met, as entries of the catalogue."""

    def __init__(self) -> None:
        self._now: tuple[CatalogueTool, ...] = ()
        self._before: tuple[CatalogueTool, ...] = ()

    def meet(self, tools: tuple[CatalogueTool, ...]) -> None:
        """List these from the next bundle on."""
        if tools != self._now:  # else the bundle before may still name those before
            self._now, self._before = tools, self._now

    def named(self, listed: Catalogue, digest: bytes) -> Catalogue:
        """Give the catalogue of a digest: the operator's with what was met by now or before; else the operator's."""
        found = (_united(listed, met) for met in (self._now, self._before))
        return next((each for each in found if each.tools and catalogue_digest(each) == digest), listed)


class ListingTools:
    """Lists tools as they are met.

    Args:
        met: the tools that were.
        listed: reads what the operator lists.
        in_use: gives the digest of the catalogue in use.
        rules: gives the rules in use.
        sign: signs a bundle with a catalogue, and has it used.
    """

    def __init__(
        self,
        met: MetTools,
        *,
        listed: Callable[[], Catalogue],
        in_use: Callable[[], bytes],
        rules: Callable[[], PolicyRules],
        sign: Callable[[Catalogue], Awaitable[None]],
    ) -> None:
        self._met = met
        self._listed = listed
        self._in_use = in_use
        self._rules = rules
        self._sign = sign
        self._heard = asyncio.Event()
        self._heard.set()  # what was told before the last restart

    def hear(self) -> None:
        """Look at what was told, in a moment."""
        self._heard.set()

    async def follow(self, storage: Storage) -> None:
        """List whatever is told of, until cancelled."""
        while True:
            await self._heard.wait()
            self._heard.clear()
            try:
                await self.look(storage)
            except (ConfigError, StorageError) as error:
                _LOG.warning("tools that were met are not listed", why=str(error))
            except Exception as error:  # noqa: BLE001 - following must go on, whatever happens
                log_unexpected("listing tools that were met", error)
            await asyncio.sleep(PAUSE_SECONDS)

    async def look(self, storage: Storage) -> None:
        """List what was told of; nothing is signed if that is listed already.

        Raises:
            ConfigError: no bundle can be signed.
            StorageError: the database does not answer.
        """
        page = await storage.tool_reports(limit=MOST_MET)
        listed = self._listed()
        told: dict[Pair, list[Declaration]] = {}
        for record in page.items:
            if listed.find(record.audience, record.tool) is None:
                told.setdefault((record.audience, record.tool), []).append(declared_in(record))
        tools = tuple(self._entry(pair, told[pair]) for pair in sorted(told))
        catalogue = _united(listed, tools)
        if catalogue.tools and catalogue_digest(catalogue) != self._in_use():
            self._met.meet(tools)
            await self._sign(catalogue)
            local = [tool_id(each.audience, each.tool) for each in tools if each.local]
            others = [tool_id(each.audience, each.tool) for each in tools if not each.local]
            _LOG.info("listed what was met, as --dev does: tools.toml wins", local=local, asked_about=others)

    def _entry(self, pair: Pair, said: Iterable[Declaration]) -> CatalogueTool:
        declared = list(said)
        effects = frozenset[Effect]().union(*(each.effects for each in declared)) or _READS
        labels = frozenset[str]().union(*(each.labels for each in declared))
        entry = CatalogueTool(*pair, effects, labels=labels, owner=DEVELOPMENT_OWNER)
        harmless = effects == _READS and labels <= {PUBLIC}
        return entry._replace(local=harmless and self._rules().leaves_to_the_chain(entry))


def _united(listed: Catalogue, met: Iterable[CatalogueTool]) -> Catalogue:
    return Catalogue((*listed.tools, *(each for each in met if listed.find(each.audience, each.tool) is None)))
