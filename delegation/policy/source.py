"""Policy text as it was written: files, the rules in them with their lines, and what is wrong where.

Cedar's parser tells no lines and ends the process when brackets are nested too deep. So rules are cut apart here, by
Cedar's own lexical rules, and each is handed on alone, within limits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from delegation.errors import ConfigError
from delegation.policy.repeated import repeats_too_much

RULE_BYTES: Final = 16 * 1024
"""One rule: longer ones are lists, and belong into the catalogue."""

RULES: Final = 1024
POLICY_BYTES: Final = 1024 * 1024
"""A whole policy: it is stored, and read by each replica."""

BRACKETS: Final = 64
"""Brackets in brackets. Cedar's parser recurses on them, and some hundreds exhaust its stack."""

_TOKEN: Final = re.compile(r"""//[^\n\r]*|"(?:[^"\\]|\\.)*"|[A-Za-z_][A-Za-z0-9_]*|[0-9]+|\S""", re.DOTALL)


class Source(NamedTuple):
    """A file of rules: its name, as it is shown, and its text."""

    name: str
    text: str


class Fault(NamedTuple):
    """What is wrong with a policy, and where.

    Attributes:
        file: the name of the source.
        line: of the beginning of the rule, from 1.
        rule: its id; empty where it is not known.
        reason: what is wrong and, where that can be said, what to do.
    """

    file: str
    line: int
    rule: str
    reason: str

    def __str__(self) -> str:
        named = f"{self.rule}: " if self.rule else ""
        return f"{self.file}:{self.line}: {named}{self.reason}"


class PolicyRejectedError(ConfigError):
    """A policy that is refused whole.

    Attributes:
        faults: everything that is wrong with it, in the order of the text.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        more = f" (and {len(faults) - 1} more: see `delegation policy check`)" if len(faults) > 1 else ""
        super().__init__(f"{faults[0]}{more}")
        self.faults = tuple(faults)


class Written(NamedTuple):
    """One rule as it was written, from its first word to its semicolon; `fault` says why it cannot be read on."""

    file: str
    line: int
    text: str
    fault: str = ""

    def wrong(self, reason: str, rule: str = "") -> Fault:
        """Say what is wrong with it."""
        return Fault(self.file, self.line, rule, reason)


def rules_in(source: Source) -> Iterator[Written]:
    """Cut a text into its rules."""
    text = source.text
    began, depth, deepest = -1, 0, 0
    line, read = 1, 0
    for token in _TOKEN.finditer(text):
        kind = token[0]
        if kind.startswith("//"):
            continue
        if began < 0:
            began = token.start()
            line, read = line + _line_ends(text, read, began), began
        if kind in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif kind in ")]}":
            depth -= 1
        elif kind == '"':
            break
        elif kind == ";":
            yield _written(source.name, line, text[began : token.end()], deepest)
            began, depth, deepest = -1, 0, 0
    if began >= 0:
        yield Written(source.name, line, "", "the last rule has no end: a string or bracket is open, or `;` is missing")


def _line_ends(text: str, first: int, end: int) -> int:
    """Count the ends of lines in a part of a text; to Cedar, too, a lone CR is one."""
    newlines, returns = text.count("\n", first, end), text.count("\r", first, end)
    return newlines + returns - text.count("\r\n", first, end)


def _written(file: str, line: int, text: str, deepest: int) -> Written:
    fault = ""
    if len(text.encode(errors="replace")) > RULE_BYTES:
        fault = f"a rule has at most {RULE_BYTES} bytes: write several"
    elif deepest > BRACKETS:
        fault = f"brackets are nested more than {BRACKETS} deep"
    else:
        fault = repeats_too_much([token[0] for token in _TOKEN.finditer(text) if not token[0].startswith("//")])
    return Written(file, line, text, fault)
