"""Reading a policy: whole or not at all. Whatever is wrong is told by file, line, rule and reason."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from delegation.core.tool_id import tool_id
from delegation.core.trust import Catalogue
from delegation.errors import ConfigError
from delegation.policy.arguments import ArgumentType
from delegation.policy.cedar import CedarPolicy
from delegation.policy.decimals import NotLiteralError, with_integers
from delegation.policy.engine import cedar, is_failure
from delegation.policy.port import Action
from delegation.policy.rule import UNKNOWN, Rule, read_rule
from delegation.policy.schema import schema_text
from delegation.policy.source import POLICY_BYTES, RULES, Fault, PolicyRejectedError, Source, Written, rules_in
from delegation.policy.spelling import Spelling
from delegation.policy.subset import Evaluated
from delegation.policy.vocabulary import OF_THE_AGENT, TOOL, UNLISTED_TOOL

DEFAULT_POLICY: Final = Path(__file__).with_name("default.cedar")
"""What the service decides by where the operator says nothing."""

_CALL: Final = frozenset({Action.CALL})
_NAMED: Final = re.compile(r"^for policy `policy\d+`[,:]? ")
_NO_SUCH_TOOL: Final = re.compile(r'entity `Tool::"(?P<tool>.*)"` is of an enumerated entity type, but .* not declared')


def load_policy(sources: Sequence[Source], catalogue: Catalogue) -> CedarPolicy:
    """Load a policy for the tools of a catalogue.

    Raises:
        PolicyRejectedError: something is wrong with it; it is refused whole.
        ConfigError: the extra is not installed.
    """
    rules, faults = examine(sources, catalogue)
    if faults:
        raise PolicyRejectedError(faults)
    return CedarPolicy(rules, digest=text_digest(sources))


def require_no_agents(policy: CedarPolicy) -> None:
    """Refuse a policy that reads what agents did lately, where that is not kept: not known would mean not done.

    Raises:
        PolicyRejectedError: rules read it.
    """
    reads = ((rule, sorted(rule.reads & OF_THE_AGENT)) for rule in policy.rules)
    why = "it reads {}, and [sessions] agents_remembered_ms is 0: nothing is kept of what agents did"
    if faults := tuple(rule.wrong(why.format(", ".join(words))) for rule, words in reads if words):
        raise PolicyRejectedError(faults)


def text_digest(sources: Sequence[Source]) -> bytes:
    """Give the SHA-256 by which a policy is known, 32 bytes: of its text, whatever its files are called."""
    return hashlib.sha256("\n".join(source.text for source in sources).encode()).digest()


def default_policy(catalogue: Catalogue) -> CedarPolicy:
    """Load the policy that is shipped. Raises `ConfigError` if the extra is not installed."""
    return load_policy([Source(DEFAULT_POLICY.name, DEFAULT_POLICY.read_text(encoding="utf-8"))], catalogue)


def examine(sources: Sequence[Source], catalogue: Catalogue) -> tuple[tuple[Rule, ...], tuple[Fault, ...]]:
    """Read a policy, and find everything that is wrong with it.

    Raises:
        ConfigError: the extra is not installed.
    """
    if (fault := _too_large(sources)) is not None:
        return (), (fault,)
    examined = _Examination(catalogue)
    for source in sources:
        before = len(examined.rules) + len(examined.faults)
        for written in rules_in(source):
            examined.take(written)
        if len(examined.rules) + len(examined.faults) == before:
            examined.faults.append(Fault(source.name, 1, "", "there is no rule in it"))
    if not sources:
        examined.faults.append(Fault("policy", 1, "", "there is no rule: nothing would be permitted"))
    return tuple(examined.rules), tuple(examined.faults)


def _too_large(sources: Sequence[Source]) -> Fault | None:
    left, rules = POLICY_BYTES, RULES
    for source in sources:
        left -= len(source.text.encode(errors="replace"))
        if left < 0:
            return Fault(source.name, 1, "", f"a policy has at most {POLICY_BYTES} bytes")
        for written in rules_in(source):
            rules -= 1
            if rules < 0:
                return Fault(source.name, written.line, "", f"a policy has at most {RULES} rules")
    return None


class _Examination:
    """The rules of one policy, checked one by one against the catalogue and those before it."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.rules: list[Rule] = []
        self.faults: list[Fault] = []
        self._catalogue = catalogue
        self._listed = frozenset(tool_id(tool.audience, tool.tool) for tool in catalogue.tools)
        self._spelling = Spelling(catalogue)
        self._ids: dict[str, Rule] = {}
        self._types: dict[str, dict[str, tuple[ArgumentType, Rule]]] = {}
        self._schemas: dict[frozenset[tuple[str, ArgumentType]], Any] = {}

    def take(self, written: Written) -> None:
        """Take a rule as it was written. Whatever fails on the way is something wrong with it."""
        rule = read_rule(written)
        if isinstance(rule, Fault):
            self.faults.append(rule)
            return
        try:
            self._add(rule)
        except ConfigError:
            raise
        except BaseException as error:
            if not is_failure(error):
                raise
            self.faults.append(rule.wrong(f"{UNKNOWN} ({type(error).__name__})"))

    def _add(self, rule: Rule) -> None:
        """Note what is wrong with a rule."""
        wrong = [
            *rule.says.faults,
            *self._twice(rule),
            *self._out_of_reach(rule),
            *self._disagreements(rule),
            *self._type_faults(rule),
            *self._spelling.faults(rule.conditions),
        ]
        self.rules.append(rule)
        self.faults += map(rule.wrong, dict.fromkeys(wrong or _unusable(rule)))

    def _twice(self, rule: Rule) -> list[str]:
        other = self._ids.setdefault(rule.id, rule)
        if not rule.id or other is rule:
            return []
        return [f"its id is that of the rule at {other.written.file}:{other.written.line}"]

    def _out_of_reach(self, rule: Rule) -> list[str]:
        """Find demands that the rule's scope gives no sense to."""
        reach, faults = rule.reach, []
        if not reach.actions:
            return ["it names no action: it would never apply"]
        if rule.says.consent is not None and reach.actions != _CALL:
            faults.append('people approve calls: an approval needs `action == Action::"call"`')
        if rule.says.arguments and (reach.actions != _CALL or reach.tool is None):
            faults.append('@arguments needs `action == Action::"call"` and one tool, `resource == Tool::"…"`')
        if reach.tool_type == UNLISTED_TOOL and reach.tool in self._listed:
            faults.append(f'the catalogue lists {reach.tool}: write Tool::"{reach.tool}"')
        return faults

    def _disagreements(self, rule: Rule) -> list[str]:
        """Find arguments that another rule about the same tool takes to be of another type."""
        known = self._types.setdefault(f"{rule.reach.tool_type} {rule.reach.tool}", {})
        faults = []
        for name, type_ in rule.says.arguments.items():
            other_type, other = known.setdefault(name, (type_, rule))
            if other_type is not type_:
                faults.append(f"its argument {name} is a {type_}; to the rule {other.id} it is a {other_type}")
        return faults

    def _type_faults(self, rule: Rule) -> list[str]:
        result = cedar().validate_policies(rule.written.text, self._schema(rule.says.arguments))
        if result.validation_passed:
            return _unwritten_decimals(rule)
        return [_plain(error.error, rule) for error in result.errors] or ["it does not type-check"]

    def _schema(self, arguments: Mapping[str, ArgumentType]) -> Any:
        declared = frozenset(arguments.items())
        if declared not in self._schemas:
            self._schemas[declared] = cedar().Schema.from_str(schema_text(self._catalogue, arguments))
        return self._schemas[declared]


def _unusable(rule: Rule) -> list[str]:
    """Have the engine read a rule as it will evaluate it: before it is in use, not at the first call."""
    try:
        Evaluated.of([rule])
    except ValueError as error:
        return [f"the engine does not take it: {error}"]
    return []


def _unwritten_decimals(rule: Rule) -> list[str]:
    try:
        with_integers(rule.conditions)
    except NotLiteralError:
        return ['a decimal is written out: decimal("50.00")']
    return []


def _plain(error: str, rule: Rule) -> str:
    """Give Cedar's words about a rule without the name that it has for it, and with what to do, where that is known."""
    text = " ".join(_NAMED.sub("", error).split())
    if (unknown := _NO_SUCH_TOOL.search(text)) is not None:
        return f"the catalogue lists no tool {unknown['tool']}: a tool that it does not list is an {UNLISTED_TOOL}"
    if "attribute `arguments" in text and "not found" in text and not rule.says.arguments:
        return f'{text}: a rule about one {TOOL} says what it reads: @arguments("amount: decimal")'
    return text
