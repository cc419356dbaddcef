"""Reports of tools are compared with the catalogue in use, and what begins to differ is told once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from delegation.core.declaration import Declaration
from delegation.core.trust import Catalogue, CatalogueTool, Effect
from delegation.errors import InvalidRequest, Overloaded, PermissionDenied, Refused
from delegation.identity.port import Caller, Role
from delegation.service.report_rate import AT_ONCE, EVERY_MS
from delegation.service.tool_reports import NAMED_TOOLS, Difference, ToolReports, declared_in, differences
from delegation.storage.sqlite import SqliteStorage
from delegation.storage.tool_reports import TOOLS_OF_A_CALLER

NOW_MS = 1_800_000_000_000
READS = frozenset({Effect.READ})
PIN, OTHER = b"\1" * 32, b"\2" * 32
READ = CatalogueTool("docs", "read", READS, labels=frozenset({"public"}), manifest_digest=PIN)
SEARCH = CatalogueTool("docs", "search", READS)
SAME = Declaration(READS, manifest_digest=PIN)
CHANGED = Declaration(manifest_digest=OTHER)
RISKIER = Declaration(frozenset({Effect.EXTERNAL}))
TOOL = Caller("spiffe://test.example/tool/docs", frozenset({Role.TOOL}), frozenset({"docs"}))
AUDITOR = Caller("spiffe://test.example/person/olga", frozenset({Role.AUDITOR}))


class World:
    """A service's reports, with a catalogue that a test changes."""

    def __init__(self, storage, **options):
        self.catalogue = Catalogue((READ, SEARCH))
        self.now_ms = NOW_MS
        self.reports = ToolReports(storage, lambda: self.catalogue, now_ms=lambda: self.now_ms, **options)

    async def take(self, **tools):
        """Take a report; give the lines of the log."""
        with capture_logs() as lines:
            await self.reports.take(TOOL, "docs", tools)
        return lines

    async def differing(self):
        page = await self.reports.list(AUDITOR, cursor=None, limit=100)
        return {each.record.tool: list(each.differences) for each in page.items}


@pytest.fixture
async def storage(tmp_path):
    opened = SqliteStorage(tmp_path / "delegation.db")
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def world(storage):
    return World(storage)


@pytest.mark.parametrize(
    ("tool", "declared", "expected"),
    [
        ("read", SAME, []),
        ("read", Declaration(), []),  # it does not say, and cannot be told apart
        ("read", CHANGED, [Difference.CHANGED]),
        ("read", CHANGED._replace(labels=frozenset({"personal"})), [Difference.CHANGED, Difference.RISKIER]),
        ("read", RISKIER, [Difference.RISKIER]),
        ("search", CHANGED, []),  # nothing is pinned
        ("write", SAME, [Difference.UNLISTED]),
    ],
)
def test_a_tool_differs_by_what_the_catalogue_does_not_say(tool, declared, expected):
    assert list(differences(Catalogue((READ, SEARCH)), "docs", tool, declared)) == expected


async def test_what_differs_is_logged_once_for_as_long_as_it_is_the_same(world):
    (line,) = await world.take(read=CHANGED, search=RISKIER, write=SAME)
    assert (line["log_level"], line["audience"], line["caller"], line["tools"]) == ("warning", "docs", TOOL.id, 3)
    assert (line["changed"], line["riskier"], line["unlisted"]) == (["read"], ["search"], ["write"])
    assert await world.take(read=CHANGED, search=RISKIER) == []
    (line,) = await world.take(read=CHANGED._replace(effects=RISKIER.effects))
    assert (line["changed"], line["riskier"]) == (["read"], ["read"])
    assert await world.take(read=SAME) == []
    assert await world.differing() == {"read": [], "search": [Difference.RISKIER], "write": [Difference.UNLISTED]}
    assert len(await world.take(read=CHANGED)) == 1


async def test_a_line_of_the_log_names_no_more_than_some(world):
    (line,) = await world.take(**{f"tool-{n:03}": SAME for n in range(300)})
    assert (line["tools"], len(line["unlisted"])) == (300, NAMED_TOOLS)


async def test_another_catalogue_is_compared_with_everything_that_was_said(world, storage):
    await world.take(read=SAME, search=RISKIER, write=SAME)
    world.catalogue = Catalogue(
        (READ._replace(manifest_digest=OTHER), SEARCH._replace(effects=READS | RISKIER.effects))
    )
    assert (await world.differing())["search"] == []  # whoever looks, sees what holds now
    world.now_ms += 1_000
    with capture_logs() as lines:
        await world.reports.compare_again()
    assert [(line["tools"], line["changed"]) for line in lines] == [(1, ["read"])]
    with capture_logs() as lines:
        await World(storage).reports.compare_again()  # a replica that still has the one before
        await world.reports.compare_again()
    assert len(lines) == 2
    since = {each.tool: each.state_since_ms for each in (await storage.tool_reports()).items}
    assert since == {"read": NOW_MS + 1_000, "search": NOW_MS + 1_000, "write": NOW_MS}


async def test_development_expects_tools_that_nobody_has_listed(storage):
    world = World(storage, expects_unlisted=True)
    assert await world.take(write=SAME) == []
    assert len(await world.take(read=CHANGED)) == 1


@pytest.mark.spec("T-44")
async def test_a_tool_reports_for_its_own_audiences_and_lists_nothing(world):
    with pytest.raises(Refused):
        await world.reports.take(TOOL, "mail", {"send": SAME})
    with pytest.raises(PermissionDenied):
        await world.reports.take(AUDITOR, "docs", {"read": SAME})
    with pytest.raises(PermissionDenied):
        await world.reports.list(TOOL, cursor=None, limit=10)
    assert await world.differing() == {}


@pytest.mark.spec("T-44")
async def test_nobody_fills_the_database_with_names(world, storage):
    for first in range(0, TOOLS_OF_A_CALLER, 512):
        await world.reports.take(TOOL, "docs", {f"tool-{first + n}": SAME for n in range(512)})
    with pytest.raises(InvalidRequest):
        await world.take(one_more=SAME)
    assert len((await storage.tool_reports(limit=10_000)).items) == TOOLS_OF_A_CALLER


@pytest.mark.spec("T-44")
async def test_nobody_keeps_the_database_busy_with_reports(world):
    for n in range(AT_ONCE):
        await world.reports.take(TOOL, "docs", {"read": Declaration(manifest_digest=bytes([n]) * 32)})
    with pytest.raises(Overloaded):
        await world.take(read=SAME)
    other = Caller("spiffe://test.example/tool/docs-2", frozenset({Role.TOOL}), frozenset({"docs"}))
    await world.reports.take(other, "docs", {"read": SAME})
    world.now_ms += EVERY_MS
    await world.take(read=SAME)
    with pytest.raises(Overloaded):
        await world.take(read=SAME)


async def test_an_effect_of_a_later_program_may_be_any(world, storage):
    await world.take(search=Declaration(READS))
    (record,) = (await storage.tool_reports()).items
    assert declared_in(record).effects == READS
    assert declared_in(replace(record, effects="read,teleport")).effects == frozenset(Effect)


async def test_what_all_say_of_a_tool_is_united_for_whoever_asks_before_it(world):
    await world.take(read=RISKIER)
    other = Caller("spiffe://test.example/tool/docs-2", frozenset({Role.TOOL}), frozenset({"docs"}))
    await world.reports.take(other, "docs", {"read": CHANGED._replace(labels=frozenset({"personal"}))})
    assert await world.reports.of_tool("docs", "read") == (RISKIER.effects, {"personal"}, PIN)
    assert await world.reports.of_tool("docs", "unheard") == Declaration()
