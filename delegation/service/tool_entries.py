"""What the rules have to do with each tool: what the catalogue says of it, united with what it declares."""

from __future__ import annotations

from typing import Final, NamedTuple

import structlog

from delegation.core.declaration import NOTHING_DECLARED, Declaration
from delegation.core.hearsay import noted_of, noted_unpermitted
from delegation.core.labels import BUILT_IN, MOST_SENSITIVE
from delegation.core.tool_id import tool_id
from delegation.core.trust import Catalogue, CatalogueTool, Effect
from delegation.core.unlisted import entry_of
from delegation.policy.port import Action, Permit, Policy
from delegation.service.question_fields import known_fields

_MOST_MET: Final = 4096
_MOST_DECLARED: Final = 4096

_LOG: Final = structlog.get_logger("delegation")


class Entry(NamedTuple):
    """What is known of a tool, and what the rules have to do with calls of it.

    Attributes:
        tool: what the catalogue says, with what the tool declares.
        listed: whether the catalogue lists it.
        judged: whether a call of it depends on anything more.
        reads_owner: whether it depends on who answers for the agent.
        undeclared: what the catalogue says alone, where the tool declares more; else None.
        known: which fields of a question about it are known, of those that `risk_inputs` keeps.
        apart: what is noted of its calls, where the tool declares more; else None.
    """

    tool: CatalogueTool
    listed: bool
    judged: bool
    reads_owner: bool
    undeclared: CatalogueTool | None = None
    known: tuple[str, ...] = ()
    apart: CatalogueTool | None = None

    @property
    def noted(self) -> CatalogueTool:
        """What is noted of its calls: what is no more than said or supposed of it, under names of its own.

        That a tool which nobody lists may do anything is a supposition: it forbids, and is no evidence (T-43).
        """
        noted = self.apart or self.tool
        return noted if self.listed else noted_unpermitted(noted)

    @property
    def acts(self) -> frozenset[Effect]:
        """What its calls may do, by the catalogue: with the agent's own history."""
        return (self.undeclared or self.tool).effects


class ToolEntries:
    """The entries of one version of the policy.

    Args:
        policy: the rules.
        catalogue: the tools that they were checked against.
        dev: tools that are not listed count as if they were, and harmless: development lists what it meets.
    """

    def __init__(self, policy: Policy, catalogue: Catalogue, *, dev: bool) -> None:
        self._policy = policy
        self._catalogue = catalogue
        self._dev = dev
        self._noted, self._agents_noted = policy.reads_history, policy.reads_agents
        # Of listed tools alone: there is no end to the names of others.
        self._listed = {(tool.audience, tool.tool): self.listing(tool) for tool in catalogue.tools}
        self._labels = BUILT_IN.union(*(tool.labels for tool in catalogue.tools))
        self._declared: dict[tuple[str, str, frozenset[Effect], frozenset[str]], Entry] = {}

    def of(self, audience: str, tool: str, declared: Declaration = NOTHING_DECLARED) -> Entry:
        """Tell what the rules have to do with calls of a tool, given what it says of itself.

        A label that no rule could name is taken for the most sensitive one: labels are kept with tasks and agents, and
        there would be no end to those that a tool makes up.
        """
        entry = self._listed.get((audience, tool)) or self._unlisted(audience, tool)
        if made_up := declared.labels - self._labels:
            declared = declared._replace(labels=declared.labels - made_up | {MOST_SENSITIVE})
        return entry if not declared.adds_to(entry.tool) else self._united(entry, declared)

    def listing(self, tool: CatalogueTool) -> Entry:
        """Give the entry of a tool if the catalogue listed it like this, and the tool declared nothing more."""
        return self._entry(tool, listed=True)

    @property
    def not_asked_about(self) -> tuple[str, ...]:
        """The tools that rules say something about, and whose guards may decide without asking them."""
        entries = self._listed.values()
        return tuple(tool_id(each.tool.audience, each.tool.tool) for each in entries if each.judged and each.tool.local)

    def _unlisted(self, audience: str, tool: str) -> Entry:
        if self._dev:
            return self._met(audience, tool)
        return self._entry(entry_of(self._catalogue, audience, tool), listed=False)

    def _met(self, audience: str, tool: str) -> Entry:
        """Take a tool that development has not met before for listed."""
        entry = self.listing(CatalogueTool(audience, tool, frozenset({Effect.READ})))
        if len(self._listed) < _MOST_MET:
            self._listed[audience, tool] = entry
            _LOG.info("a tool that no catalogue lists: taken to read what is public", audience=audience, tool=tool)
        return entry

    def _united(self, entry: Entry, declared: Declaration) -> Entry:
        key = entry.tool.audience, entry.tool.tool, declared.effects, declared.labels
        found = self._declared.get(key)
        if found is None:
            found = self._entry(declared.united(entry.tool), listed=entry.listed)
            judged = found.judged or entry.judged
            found = found._replace(
                judged=judged,
                reads_owner=found.reads_owner or entry.reads_owner,
                undeclared=entry.tool,
                apart=noted_of(entry.tool, found.tool),
                known=tuple(dict.fromkeys((*found.known, *entry.known))),
            )
            if len(self._declared) >= _MOST_DECLARED:  # a tool may well declare something else each time
                self._declared.clear()
            self._declared[key] = found
        return found

    def _entry(self, tool: CatalogueTool, *, listed: bool) -> Entry:
        concern = self._policy.concern(Action.CALL, tool, listed=listed)
        judged = concern.answer != Permit()
        known = self._known(tool, listed=listed) if judged else ()
        return Entry(tool, listed, judged, concern.reads_owner, known=known)

    def _known(self, tool: CatalogueTool, *, listed: bool) -> tuple[str, ...]:
        words = self._policy.reads(Action.CALL, tool, listed=listed).words
        return known_fields(words, noted=self._noted, agents_noted=self._agents_noted)
