"""What development lists beside the operator's catalogue, and when it signs a bundle for that."""

from __future__ import annotations

import pytest

from delegation.app.met_tools import MOST_MET, ListingTools, MetTools
from delegation.core.attest import catalogue_digest
from delegation.core.declaration import Declaration
from delegation.core.trust import Catalogue, CatalogueTool, Effect
from delegation.identity.port import Caller, Role
from delegation.service.policy_rules import PolicyRules
from delegation.service.tool_reports import ToolReports
from delegation.storage.sqlite import SqliteStorage
from support.policies import PERMIT, policy_of

READS = frozenset({Effect.READ})
MINE = CatalogueTool("docs", "mine", frozenset({Effect.WRITE}), owner="me")
GUARDS = Caller("spiffe://test.example/tool/docs", frozenset({Role.TOOL}), frozenset({"docs"}))
OTHER = Caller("spiffe://test.example/tool/docs-2", frozenset({Role.TOOL}), frozenset({"docs"}))


class World:
    """A service of development without its files: what is signed is used at once, unless a test says otherwise."""

    def __init__(self, storage, policy):
        self.storage = storage
        self.mine = Catalogue((MINE,))
        self.signed = []
        self.reports = ToolReports(storage, Catalogue, now_ms=lambda: 1, expects_unlisted=True)
        self.met = MetTools()
        self.lists = ListingTools(
            self.met,
            listed=lambda: self.mine,
            in_use=lambda: catalogue_digest(self.signed[-1]) if self.signed else catalogue_digest(self.mine),
            rules=lambda: PolicyRules(policy_of(policy, Catalogue()), Catalogue()),
            sign=self.sign,
        )

    async def sign(self, catalogue):
        self.signed.append(catalogue)

    async def meet(self, caller=GUARDS, /, **tools):
        await self.reports.take(caller, "docs", tools)
        await self.lists.look(self.storage)

    def entry(self, tool):
        return self.signed[-1].find("docs", tool)


@pytest.fixture
async def make(tmp_path):
    storage = SqliteStorage(tmp_path / "delegation.db")
    await storage.open()
    yield lambda policy=PERMIT: World(storage, policy)
    await storage.close()


@pytest.mark.parametrize(
    ("declared", "effects", "local"),
    [
        (Declaration(), READS, True),
        (Declaration(READS, frozenset({"public"})), READS, True),
        (Declaration(labels=frozenset({"personal"})), READS, False),
        (Declaration(frozenset({Effect.SPENDS})), {Effect.SPENDS}, False),
    ],
    ids=["silent", "public", "personal", "spends"],
)
async def test_what_only_reads_what_is_public_is_local(make, declared, effects, local):
    world = make()
    await world.meet(tool=declared)
    entry = world.entry("tool")
    assert (entry.effects, entry.labels, entry.local) == (effects, declared.labels, local)


async def test_a_bundle_is_signed_when_there_is_something_new_and_only_then(make):
    world = make()
    await world.lists.look(world.storage)
    assert world.signed == []
    await world.meet(read=Declaration())
    await world.meet(read=Declaration())
    assert len(world.signed) == 1
    await world.meet(OTHER, read=Declaration(frozenset({Effect.WRITE})))  # what all say of it is united
    assert (world.entry("read").effects, world.entry("read").local) == ({Effect.WRITE}, False)
    assert len(world.signed) == 2


async def test_what_the_operator_lists_is_as_the_operator_says(make):
    world = make()
    await world.meet(mine=Declaration(READS), other=Declaration())
    assert world.entry("mine") == MINE
    world.mine = Catalogue((MINE, MINE._replace(tool="other")))
    await world.lists.look(world.storage)
    assert world.signed[-1] == world.mine


@pytest.mark.parametrize("policy", ['context.purpose == "x"', "context.taskCalls > 3"], ids=["rule", "history"])
async def test_a_tool_is_not_local_where_rules_depend_on_its_calls(make, policy):
    world = make(f'{PERMIT}@id("no") forbid (principal, action == Action::"call", resource) when {{ {policy} }};')
    await world.meet(read=Declaration())
    assert (world.entry("read").effects, world.entry("read").local) == (READS, False)


async def test_nobody_fills_the_catalogue(make):
    world = make()
    for first in range(0, 2 * MOST_MET, MOST_MET):
        await world.meet(**{f"tool-{first + n}": Declaration() for n in range(MOST_MET)})
    assert len(world.signed[-1].tools) == MOST_MET + 1


async def test_a_catalogue_is_known_by_its_digest_while_a_bundle_takes_the_place_of_another(make):
    world = make()
    await world.meet(read=Declaration())
    before = world.signed[-1]
    await world.meet(write=Declaration(frozenset({Effect.WRITE})))
    after = world.signed[-1]
    for catalogue in (before, after, world.mine):
        assert world.met.named(world.mine, catalogue_digest(catalogue)) == catalogue
