"""What tools say of themselves, compared with the operator's catalogue: what differs is told, and kept to be looked at.

Whoever serves a tool may say of it what it likes, for its own audiences. Nothing gets looser by it: a report changes no
decision. It shows the operator what is there to be looked at.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import structlog

from delegation import telemetry
from delegation.core.declaration import Declaration
from delegation.core.trust import Catalogue, Effect
from delegation.errors import InvalidRequest
from delegation.identity.port import Caller, Role
from delegation.service.ids import Clock
from delegation.service.packing import pack
from delegation.service.report_rate import ReportRate
from delegation.storage.listing import Page
from delegation.storage.port import Storage
from delegation.storage.refused_writes import TooManyToolsError
from delegation.storage.tool_reports import JudgedReport, ToolReportRecord

KEPT_MS: Final = 30 * 24 * 60 * 60 * 1000
"""So long is a report kept that nobody repeats; guards repeat theirs every day."""

NAMED_TOOLS: Final = 16
"""In one line of the log."""

_AT_A_TIME: Final = 500
_LOG: Final = structlog.get_logger("delegation")


class Difference(StrEnum):
    """How a tool differs from the catalogue."""

    UNLISTED = "unlisted"
    CHANGED = "changed"
    RISKIER = "riskier"


@dataclass(frozen=True, slots=True)
class Told:
    """A report, and how it differs from the catalogue in use now."""

    record: ToolReportRecord
    declared: Declaration
    differences: tuple[Difference, ...]


def differences(catalogue: Catalogue, audience: str, tool: str, declared: Declaration) -> tuple[Difference, ...]:
    """Tell how a tool differs from what a catalogue says of it."""
    entry = catalogue.find(audience, tool)
    if entry is None:
        return (Difference.UNLISTED,)
    changed = declared.manifest_digest and declared.is_another(entry)
    found = ((Difference.CHANGED, changed), (Difference.RISKIER, declared.adds_to(entry)))
    return tuple(difference for difference, holds in found if holds)


def declared_in(record: ToolReportRecord) -> Declaration:
    """Give what a report says. An effect that only a later program knows may be any."""
    said = frozenset(_words(record.effects))
    known = frozenset(effect for effect in Effect if str(effect) in said)
    effects = known if len(known) == len(said) else frozenset(Effect)
    return Declaration(effects, frozenset(_words(record.labels)), record.manifest_digest)


class ToolReports:
    """Takes reports, tells of what differs, and lists them.

    Args:
        storage: keeps them.
        catalogue: gives the catalogue in use.
        now_ms: the time.
        heard: called when a report was taken.
        expects_unlisted: whether a tool that is not listed is nothing to be told of: development lists what it meets.
    """

    def __init__(
        self,
        storage: Storage,
        catalogue: Callable[[], Catalogue],
        *,
        now_ms: Clock,
        heard: Callable[[], None] = lambda: None,
        expects_unlisted: bool = False,
    ) -> None:
        self._storage = storage
        self._catalogue = catalogue
        self._now_ms = now_ms
        self._heard = heard
        self._rate = ReportRate(now_ms)
        self._expects_unlisted = expects_unlisted

    async def take(self, caller: Caller, audience: str, tools: Mapping[str, Declaration]) -> None:
        """Keep what the tools of an audience say of themselves.

        Raises:
            PermissionDenied, PolicyDenied: the caller does not speak for the audience.
            InvalidRequest: it has told of more tools than are kept of one caller.
            Overloaded: it tells too often.
        """
        caller.require_audience(audience)
        self._rate.take(caller.id)
        catalogue, now_ms = self._catalogue(), self._now_ms()
        records = [
            _record(catalogue, caller.id, (audience, tool), declared, now_ms=now_ms) for tool, declared in tools.items()
        ]
        try:
            former = await self._storage.put_tool_reports(caller.id, records)
        except TooManyToolsError as error:
            raise InvalidRequest(str(error)) from None
        self._heard()
        known = {report_id: record.state for report_id, record in former.items()}
        self._tell(record for record in records if record.state != known.get(record.report_id, ""))

    async def list(self, caller: Caller, *, cursor: bytes | None, limit: int) -> Page[Told]:
        """List reports, compared with the catalogue in use. Raises `PermissionDenied`."""
        caller.require_role(Role.AUDITOR, Role.OPERATOR)
        page = await self._storage.tool_reports(cursor=cursor, limit=limit)
        catalogue = self._catalogue()
        return Page(tuple(_told(catalogue, record) for record in page.items), page.next_cursor)

    async def of_tool(self, audience: str, tool: str) -> Declaration:
        """Give what is said of a tool by all who serve it, united; its manifest is taken for the pinned one.

        For whoever asks about a call before the tool does: the tool says for itself what it is.
        """
        said = [declared_in(record) for record in await self._storage.tool_reports_of(audience, tool)]
        entry = self._catalogue().find(audience, tool)
        effects = frozenset[Effect]().union(*(each.effects for each in said))
        labels = frozenset[str]().union(*(each.labels for each in said))
        return Declaration(effects, labels, entry.manifest_digest if entry else b"")

    async def compare_again(self) -> None:
        """Compare all reports with the catalogue, which has changed, and tell of what differs in another way."""
        catalogue, now_ms, cursor = self._catalogue(), self._now_ms(), None
        while True:
            page = await self._storage.tool_reports(cursor=cursor, limit=_AT_A_TIME)
            await self._judge(catalogue, page.items, now_ms)
            if (cursor := page.next_cursor) is None:
                return

    async def _judge(self, catalogue: Catalogue, records: Iterable[ToolReportRecord], now_ms: int) -> None:
        judged = {
            record.report_id: (record, JudgedReport(record.report_id, record.state, after))
            for record in records
            if (after := ",".join(_told(catalogue, record).differences)) != record.state
        }
        if judged:
            changed = await self._storage.judge_tool_reports([each for _, each in judged.values()], now_ms=now_ms)
            self._tell(_in_state(*judged[report_id]) for report_id in changed)

    def _tell(self, records: Iterable[ToolReportRecord]) -> None:
        """Count what differs, and log it: a line for each audience and caller, however many tools."""
        found: dict[tuple[str, str], dict[str, list[str]]] = {}
        for record in records:
            for difference in self._differences_told(record):
                telemetry.count_tool_difference(audience=record.audience, difference=difference)
                of_caller = found.setdefault((record.audience, record.caller), {})
                of_caller.setdefault(difference, []).append(record.tool)
        for (audience, caller), tools in found.items():
            named = {difference: sorted(names)[:NAMED_TOOLS] for difference, names in tools.items()}
            count = len({name for names in tools.values() for name in names})
            _LOG.warning(
                "tools are not as the catalogue has them", audience=audience, caller=caller, tools=count, **named
            )

    def _differences_told(self, record: ToolReportRecord) -> Iterable[str]:
        expected = Difference.UNLISTED if self._expects_unlisted else ""
        return [difference for difference in _words(record.state) if difference != expected]


def _record(
    catalogue: Catalogue, caller: str, pair: tuple[str, str], declared: Declaration, *, now_ms: int
) -> ToolReportRecord:
    audience, tool = pair
    return ToolReportRecord(
        report_id=hashlib.sha256(pack(audience.encode(), tool.encode(), caller.encode())).digest(),
        audience=audience,
        tool=tool,
        caller=caller,
        manifest_digest=declared.manifest_digest,
        effects=",".join(sorted(declared.effects)),
        labels=",".join(sorted(declared.labels)),
        state=",".join(differences(catalogue, audience, tool, declared)),
        state_since_ms=now_ms,
        first_seen_ms=now_ms,
        last_seen_ms=now_ms,
        expires_ms=now_ms + KEPT_MS,
    )


def _told(catalogue: Catalogue, record: ToolReportRecord) -> Told:
    declared = declared_in(record)
    return Told(record, declared, differences(catalogue, record.audience, record.tool, declared))


def _in_state(record: ToolReportRecord, judged: JudgedReport) -> ToolReportRecord:
    return replace(record, state=judged.after)


def _words(text: str) -> list[str]:
    return text.split(",") if text else []
