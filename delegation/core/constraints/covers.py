"""Which constraint permits no more than which: `covers(parent, child)`.

Sound: if it says that the parent covers the child, no value is allowed by the child and refused by the parent. Where
it says no, that is normative, too: the rules are those of SPEC N-7, in that order, and so is the count of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from delegation.core.arguments import Value
from delegation.core.constraints import pairs
from delegation.core.constraints.addresses import Cidr
from delegation.core.constraints.disjointness import disjoint, negated
from delegation.core.constraints.domains import part_of
from delegation.core.constraints.family import Argument, Constraint, Steps
from delegation.core.constraints.listing import listed
from delegation.core.constraints.lists import Each, ListContains, ListSubset
from delegation.core.constraints.logic import AllOf, AnyOf
from delegation.core.constraints.numbers import DecimalRange, DecimalText, IntegerRange
from delegation.core.constraints.objects import Fields
from delegation.core.constraints.paths import SubPath
from delegation.core.constraints.regex import Regex
from delegation.core.constraints.scalars import Anything
from delegation.core.constraints.segments import SegmentGlob
from delegation.core.constraints.sets import OneOf
from delegation.core.constraints.strings import Length, Prefix
from delegation.core.constraints.urls import Url
from delegation.core.constraints.words import briefly, named
from delegation.errors import Reason, refusal

_Rules = dict[tuple[type, type], Callable[[Any, Any, Steps], str | None]]
_NOT_KNOWN: Final = "that it is within cannot be shown"
_REQUIRED: Final = "the parent requires this argument"


def covers(parent: Constraint, child: Constraint, steps: Steps | None = None) -> str | None:
    """Tell why the parent does not cover the child; None if it does.

    Args:
        parent: what is permitted.
        child: what is asked for.
        steps: the budget that all comparisons of a token share; None: a fresh one.

    Returns:
        None when every value that the child allows is allowed by the parent, else one sentence.

    Raises:
        NotPermitted: EVALUATION_EXHAUSTED (N-8).
    """
    return _covers(parent, child, Steps() if steps is None else steps)


def arguments_covered(
    parent: Mapping[str, Argument], child: Mapping[str, Argument], steps: Steps
) -> tuple[str, str] | None:
    """Tell which argument of a closed-world child grew, and why; None if none did (N-1 to N-3).

    Raises:
        NotPermitted: EVALUATION_EXHAUSTED (N-8).
    """
    for name, (constraint, optional) in child.items():
        permitted = parent.get(name)
        if permitted is None:
            return name, "the parent does not permit this argument"
        if optional and not permitted.optional:
            return name, _REQUIRED
        why = _covers(permitted.constraint, constraint, steps)
        if why is not None:
            return name, why
    if len(child) == len(parent):  # all of the child's are the parent's
        return None
    missing = [name for name in parent.keys() - child.keys() if not parent[name].optional]
    return (min(missing), _REQUIRED) if missing else None


def _covers(parent: Constraint, child: Constraint, steps: Steps) -> str | None:
    """Decide by the first rule that applies. Rule 4 is looked up first: no pair of the table is one of rules 1 to 3."""
    steps.left -= 1
    if steps.left < 0:
        raise refusal(Reason.EVALUATION_EXHAUSTED)
    pair = type(parent), type(child)
    rule = PAIRS.get(pair)
    if rule is not None:
        return rule(parent, child)
    counted = _COUNTED.get(pair)
    if counted is not None:
        return counted(parent, child, steps)
    return _by_rule(parent, child, steps)


def _by_rule(parent: Constraint, child: Constraint, steps: Steps) -> str | None:
    if type(child) is AnyOf:  # rule 1
        return _every_branch(parent, child, steps)
    if type(parent) is AllOf:  # rule 2
        return _every_conjunct(parent, child, steps)
    if type(parent) is Anything:  # rule 3
        return None
    values = listed(child, steps)
    if values is not None:  # rule 5
        return _every_value(parent, values, steps)
    if type(parent) is AnyOf:  # rule 6
        return _some_branch(parent, child, steps)
    if type(child) is AllOf:  # rule 7
        return _some_conjunct(parent, child, steps)
    return _negative(parent, child, steps)  # rules 8 and 9


def _every_branch(parent: Constraint, child: AnyOf, steps: Steps) -> str | None:
    for branch in child.constraints:
        why = _covers(parent, branch, steps)
        if why is not None:
            return why
    return None


def _every_conjunct(parent: AllOf, child: Constraint, steps: Steps) -> str | None:
    for conjunct in parent.constraints:
        why = _covers(conjunct, child, steps)
        if why is not None:
            return why
    return None


def _some_branch(parent: AnyOf, child: Constraint, steps: Steps) -> str | None:
    for branch in parent.constraints:
        if _covers(branch, child, steps) is None:
            return None
    return _some_conjunct(parent, child, steps) if type(child) is AllOf else "no one alternative permits it"


def _every_value(parent: Constraint, values: Iterable[Value], steps: Steps) -> str | None:
    for value in values:
        steps.take(1)
        if not parent.allows(value, steps):
            return f"{briefly(value)} is not permitted"
    return None


def _some_conjunct(parent: Constraint, child: AllOf, steps: Steps) -> str | None:
    for conjunct in child.constraints:
        if _covers(parent, conjunct, steps) is None:
            return None
    return "none of what it demands is enough"


def _negative(parent: Constraint, child: Constraint, steps: Steps) -> str | None:
    other = negated(parent)
    if other is None:
        return "anything is more than that" if type(child) is Anything else _NOT_KNOWN
    if not part_of(child.domain, other.domain):
        return "it speaks of other values than what is negated"
    return None if disjoint(child, other, steps, _covers) else "it may be what is negated"


def _sets(parent: OneOf, child: OneOf, steps: Steps) -> str | None:
    """Rule 5 at once, where no value is refused."""
    if child.strings <= parent.strings and child.numbers <= parent.numbers and child.others <= parent.others:
        steps.take(len(child.strings) + len(child.numbers) + len(child.others))
        return None
    return _every_value(parent, child.members(), steps)


def _list_of_each(parent: ListSubset, child: Each, steps: Steps) -> str | None:
    return _covers(parent.members, child.member, steps)


def _each_of_list(parent: Each, child: ListSubset, steps: Steps) -> str | None:
    return _covers(parent.member, child.members, steps)


def _each(parent: Each, child: Each, steps: Steps) -> str | None:
    return _covers(parent.member, child.member, steps)


def _fields(parent: Fields, child: Fields, steps: Steps) -> str | None:
    grown = arguments_covered(parent.fields, child.fields, steps)
    return None if grown is None else named(*grown)


PAIRS: Final[dict[tuple[type, type], Callable[[Any, Any], str | None]]] = {
    (IntegerRange, IntegerRange): pairs.integers,
    (DecimalRange, DecimalRange): pairs.decimals,
    (DecimalRange, IntegerRange): pairs.decimals_of_integers,
    (DecimalText, DecimalText): pairs.decimal_texts,
    (Length, Length): pairs.integers,
    (Length, Prefix): pairs.length_of_text,
    (Length, SubPath): pairs.length_of_text,
    (Length, ListContains): pairs.length_of_list,
    (Prefix, Prefix): pairs.prefixes,
    (Prefix, SubPath): pairs.prefixes,
    (SubPath, SubPath): pairs.paths,
    (Url, Url): pairs.urls,
    (Cidr, Cidr): pairs.networks,
    (Each, ListContains): pairs.any_list,
    (Regex, Regex): pairs.regexes,
}
"""Rule 4: the pairs whose rule takes no steps but the one for the pair."""

COUNTED_PAIRS: Final[_Rules] = {
    (Length, SegmentGlob): pairs.length_of_glob,
    (Prefix, SegmentGlob): pairs.prefix_of_glob,
    (SegmentGlob, SegmentGlob): pairs.globs,
    (SegmentGlob, SubPath): pairs.glob_of_path,
    (SubPath, SegmentGlob): pairs.path_of_glob,
    (ListSubset, ListSubset): pairs.subsets,
    (ListContains, ListContains): pairs.supersets,
    (ListSubset, Each): _list_of_each,
    (Each, Each): _each,
    (Each, ListSubset): _each_of_list,
    (Fields, Fields): _fields,
}
"""Rule 4: the pairs whose rule takes steps for what it looks at, or asks about further pairs."""

_COUNTED: Final[_Rules] = {**COUNTED_PAIRS, (OneOf, OneOf): _sets}
