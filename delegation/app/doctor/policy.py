"""The policy: can it be used with the catalogue, is it the one in force, and what does it not reach?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from delegation.app.doctor.finding import Finding, from_error, ok, problem, warning
from delegation.app.policy_files import labels_without_a_rule, load_policy_files
from delegation.app.policy_reload import sources_in
from delegation.core.chain import Principal, PrincipalBasis
from delegation.core.tool_id import tool_id
from delegation.core.trust import Catalogue
from delegation.core.unlisted import entry_of
from delegation.errors import ConfigError
from delegation.policy.load import text_digest
from delegation.policy.port import Action, Denial, Permit, Policy, PolicyQuestion
from delegation.policy.source import PolicyRejectedError
from delegation.server.catalogue_file import load_catalogue
from delegation.server.config import ServerConfig
from delegation.service.policy_rules import PolicyRules
from delegation.storage.facts import DatabaseFacts

_SHOWN: Final = 5
"""Names that a finding tells; of others it says how many there are."""


def check_policy(config: ServerConfig, facts: DatabaseFacts | None) -> Iterator[Finding]:
    """Load the policy as the service would, and look at what it meets; or ask the decision point something.

    Args:
        config: the service's.
        facts: what was seen of the database; None: nothing.
    """
    try:
        catalogue = load_catalogue(config.catalogue) if config.catalogue is not None else Catalogue()
        if config.policy.decision_point is not None:
            yield _decision_point(config)
            return
        policy = load_policy_files([config.policy.file] if config.policy.file else [], catalogue)
    except PolicyRejectedError as error:
        more = f", and {len(error.faults) - 1} more" if len(error.faults) > 1 else ""
        yield problem("policy", f"{error.faults[0]}{more}", "correct it; `delegation policy check` tells all")
        return
    except ConfigError as error:
        yield from_error("policy", error)
        return
    yield _in_force(config, policy.digest, len(policy.rules), facts)
    if labels := labels_without_a_rule(policy.rules, catalogue):
        found = f"no rule names {_some(labels)}: nothing follows from reading what has these labels"
        yield warning("policy_labels", found, "name them in a rule, or take them out of the catalogue")
    if tools := PolicyRules(policy, catalogue, dev=config.dev).not_asked_about:
        found = f"rules may concern {_some(tools)}, which guards decide in process, without asking them"
        yield warning("policy_local", found, "remove `local` from them in the catalogue, if rules are to decide")
    if not config.dev:
        yield from _unlisted(policy, catalogue, facts)


def _in_force(config: ServerConfig, digest: bytes, rules: int, facts: DatabaseFacts | None) -> Finding:
    """Compare the policy with the newest version that the database has."""
    name = str(config.policy.file or "the policy that is shipped")
    found = f"{name}: {rules} rules, digest {digest.hex()[:16]}"
    if facts is None or not facts.policy_version:
        return ok("policy", f"{found}; none is in force yet")
    newest = f"version {facts.policy_version}"
    try:
        in_force = text_digest(sources_in(facts.policy))
    except ConfigError as error:
        return from_error("policy", error)
    if in_force == digest:
        return ok("policy", f"{found}, {newest} in force")
    if config.database.url is None:
        return ok("policy", f"{found}; it takes the place of {newest} when the service reads it")
    if config.policy.file is None:
        found = f"this replica has no policy file, and follows {newest} of the database"
        return warning("policy", found, "set policy.file to the file that the other replicas have")
    advice = "give all replicas the same file; one that starts with a text that is new puts that in force"
    return warning("policy", f"{found}; replicas decide by {newest}, which is another text", advice)


def _unlisted(policy: Policy, catalogue: Catalogue, facts: DatabaseFacts | None) -> Iterator[Finding]:
    """Say what becomes of calls of tools that serve, and that nobody has listed."""
    verdict = policy.decide(_about_an_unlisted_tool())
    if isinstance(verdict, Permit):
        found = "calls of tools that the catalogue does not list are permitted"
        yield warning("policy_unlisted", found, "forbid them: `resource is UnlistedTool`")
        return
    unlisted = sorted(tool_id(*tool) for tool in (facts.tools if facts else ()) if catalogue.find(*tool) is None)
    if unlisted:
        becomes = "are refused" if isinstance(verdict, Denial) else "need more than their chain"
        found = f"the catalogue does not list {_some(unlisted)}, which guards serve: calls of them {becomes}"
        yield warning("policy_unlisted", found, "list them; `delegation tools import` takes them from an MCP server")


def _about_an_unlisted_tool() -> PolicyQuestion:
    nobody = Principal("doctor", "doctor", PrincipalBasis.ASSERTED)
    tool = entry_of(Catalogue(), "delegation", "doctor")
    return PolicyQuestion(Action.CALL, tool, listed=False, principal=nobody, agents=("doctor",), now_s=0)


def _decision_point(config: ServerConfig) -> Finding:
    from delegation.app.decision_point import probe

    url = config.policy.decision_point
    try:
        verdict = asyncio.run(probe(config))
    except ModuleNotFoundError:
        return problem("policy", "the extra authzen is not installed", "pip install 'delegation-chain[authzen]'")
    if isinstance(verdict, Permit):
        found = f"{url} permits an agent that nobody knows to call a tool that nobody lists"
        return warning("policy", found, "look at its rules: is it the right decision point?")
    if isinstance(verdict, Denial) and verdict.failed:
        advice = "start it, or correct policy.decision_point; until then calls are refused"
        return problem("policy", f"{url} does not decide: {verdict.failed}", advice)
    return ok("policy", f"the decision point {url} answers")


def _some(names: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
