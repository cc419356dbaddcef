"""Cases that a policy is tested with, as a TOML file has them: a question in short form, and the verdict.

policy = ["policy.cedar"]   # beside this file; without it, the policy that is shipped
catalogue = "tools.toml"

[[case]]
name = "a mail, once personal data was read"
audience = "mail"
tool = "send"
task = { labels = ["personal"] }
expect = "step-up"          # or "permit", "sign-in", "deny"
rules = ["no-leak"]         # where it matters, the rules that decide
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from delegation.core.arguments import Arguments
from delegation.core.chain import Principal, PrincipalBasis
from delegation.core.trust import Catalogue, Effect
from delegation.core.unlisted import entry_of
from delegation.errors import ConfigError, Refused
from delegation.policy.port import Action, Denial, Permit, PolicyQuestion, SignIn, StepUp, Verdict
from delegation.server.config_errors import config_error, read_toml

_AGENT: Final = "spiffe://example.org/agent"
_PRINCIPAL: Final = Principal("somebody@example.org", "example.org", PrincipalBasis.ASSERTED)
_Name = Annotated[str, Field(min_length=1)]
_Count = Annotated[int, Field(ge=0)]


class Expected(StrEnum):
    """The kinds of verdict."""

    PERMIT = "permit"
    DENY = "deny"
    STEP_UP = "step-up"
    SIGN_IN = "sign-in"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Principal(_Part):
    subject: _Name = _PRINCIPAL.subject
    issuer: _Name = _PRINCIPAL.issuer
    basis: PrincipalBasis = _PRINCIPAL.basis
    acr: str = ""
    auth_time: AwareDatetime | None = None


class _Task(_Part):
    labels: frozenset[_Name] = frozenset()
    effects: frozenset[Effect] = frozenset()
    tools: frozenset[_Name] = frozenset()
    calls: _Count = 0
    denials: _Count = 0


class _Agent(_Part):
    calls: _Count = 0
    denials: _Count = 0
    effects: frozenset[Effect] = frozenset()


class _Case(_Part):
    name: _Name
    expect: Expected
    rules: frozenset[_Name] | None = None
    action: Action = Action.CALL
    audience: _Name
    tool: _Name
    arguments: dict[str, Any] = {}
    agents: Annotated[tuple[_Name, ...], Field(min_length=1)] = (_AGENT,)
    asserted: frozenset[_Name] = frozenset()
    owner: str = ""
    principal: _Principal = _Principal()
    purpose: str = ""
    scope: frozenset[_Name] = frozenset()
    task: _Task = _Task()
    agent: _Agent = _Agent()
    calls_left: _Count | None = None
    budgets_left: dict[str, str] = {}
    time: AwareDatetime | None = None
    manifest_changed: bool = False
    approved: bool = False


class _File(_Part):
    policy: tuple[Path, ...] = ()
    catalogue: Path | None = None
    case: Annotated[tuple[_Case, ...], Field(min_length=1)]


class PolicyCase(NamedTuple):
    """One case.

    Attributes:
        name: what it is about.
        question: what is asked.
        expected: the kind of verdict.
        rules: the ids of the rules that decide; None: whichever.
    """

    name: str
    question: PolicyQuestion
    expected: Expected
    rules: frozenset[str] | None

    def holds(self, verdict: Verdict) -> bool:
        """Tell whether a verdict is the one that is expected."""
        return kind_of(verdict) is self.expected and self.rules in {None, frozenset(rules_of(verdict))}


class CasesFile:
    """A file of cases, read; its paths are relative to it.

    Raises:
        ConfigError: one line: where it is wrong and what to do.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = _File.model_validate(read_toml(path))
        except ValidationError as error:
            known = {*_File.model_fields, *_Case.model_fields, *_Task.model_fields, *_Principal.model_fields}
            raise config_error(error, lambda _: str(path), known) from None

    @property
    def policy(self) -> tuple[Path, ...]:
        """The files of the policy; none: the one that is shipped."""
        return tuple(self._path.parent / file for file in self._file.policy)

    @property
    def catalogue(self) -> Path | None:
        """The catalogue's file."""
        return self._path.parent / self._file.catalogue if self._file.catalogue is not None else None

    def cases(self, catalogue: Catalogue, now: datetime) -> list[PolicyCase]:
        """Give the cases, about the tools of a catalogue; what says no time is asked now.

        Raises:
            ConfigError: arguments that no call could have.
        """
        return [self._case(case, catalogue, now) for case in self._file.case]

    def _case(self, case: _Case, catalogue: Catalogue, now: datetime) -> PolicyCase:
        try:
            arguments = Arguments.of(case.arguments)
        except Refused as error:
            raise ConfigError(f"{self._path}: the arguments of the case {case.name!r}: {error}") from None
        question = PolicyQuestion(
            action=case.action,
            tool=entry_of(catalogue, case.audience, case.tool),
            listed=catalogue.find(case.audience, case.tool) is not None,
            principal=_PRINCIPAL._replace(
                subject=case.principal.subject,
                issuer=case.principal.issuer,
                basis=case.principal.basis,
                authentication_strength=case.principal.acr,
                authenticated_at_ms=_milliseconds(case.principal.auth_time),
            ),
            agents=case.agents,
            now_s=int((case.time or now).timestamp()),
            asserted=case.asserted,
            owner=case.owner,
            purpose=case.purpose,
            scope=case.scope,
            task_labels=case.task.labels,
            task_effects=case.task.effects,
            task_tools=case.task.tools,
            task_calls=case.task.calls,
            task_denials=case.task.denials,
            agent_calls=case.agent.calls,
            agent_denials=case.agent.denials,
            agent_effects=case.agent.effects,
            calls_left=case.calls_left,
            budgets_left=case.budgets_left,
            arguments=arguments.values,
            manifest_changed=case.manifest_changed,
            approved=case.approved,
        )
        return PolicyCase(case.name, question, case.expect, case.rules)


def _milliseconds(moment: datetime | None) -> int:
    return 0 if moment is None else int(moment.timestamp() * 1000)


def kind_of(verdict: Verdict) -> Expected:
    """Give the kind of a verdict."""
    match verdict:
        case Permit():
            return Expected.PERMIT
        case StepUp():
            return Expected.STEP_UP
        case SignIn():
            return Expected.SIGN_IN
        case Denial():
            return Expected.DENY


def rules_of(verdict: Verdict) -> tuple[str, ...]:
    """Give the rules that a verdict names: those that forbid, that demand consent, or that oblige."""
    match verdict:
        case Permit(obligations):
            return tuple(obligation.rule for obligation in obligations)
        case StepUp(demands):
            return tuple(consent.rule for consent in demands)
        case SignIn(rules) | Denial(rules):
            return rules
