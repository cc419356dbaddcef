"""Pairs of kinds of which SPEC N-7 says in a table when the first covers the second.

A rule gives None, or one sentence why not that costs no more to make than the rule itself. Those whose work grows with
what they look at take steps for it first (N-8).
"""

from __future__ import annotations

from typing import Final

from delegation.core.constraints.addresses import Cidr
from delegation.core.constraints.family import Steps
from delegation.core.constraints.lists import Each, ListContains, ListSubset
from delegation.core.constraints.numbers import DecimalRange, DecimalText, IntegerRange
from delegation.core.constraints.paths import SubPath, lies_in
from delegation.core.constraints.regex import Regex
from delegation.core.constraints.scalars import Anything
from delegation.core.constraints.segments import REST, SegmentGlob
from delegation.core.constraints.strings import Length, Prefix
from delegation.core.constraints.urls import Url

_LOWER: Final = "the lower bound is lower"
_HIGHER: Final = "the upper bound is higher"
_OTHER_BEGINNING: Final = "it begins with something else"


def integers(parent: IntegerRange | Length, child: IntegerRange | Length) -> str | None:
    """Each bound of the parent is present in the child and at least as strict."""
    low, high = parent.minimum, parent.maximum
    if low is not None and (child.minimum is None or child.minimum < low):
        return _LOWER
    if high is not None and (child.maximum is None or child.maximum > high):
        return _HIGHER
    return None


def decimals(parent: DecimalRange, child: DecimalRange) -> str | None:
    """As for integers; an equal bound that the parent excludes is excluded by the child."""
    if parent.minimum is not None:
        if child.minimum is None or child.minimum < parent.minimum:
            return _LOWER
        if child.minimum == parent.minimum and parent.minimum_exclusive and not child.minimum_exclusive:
            return "the lower bound itself is not permitted"
    if parent.maximum is not None:
        if child.maximum is None or child.maximum > parent.maximum:
            return _HIGHER
        if child.maximum == parent.maximum and parent.maximum_exclusive and not child.maximum_exclusive:
            return "the upper bound itself is not permitted"
    return None


def decimals_of_integers(parent: DecimalRange, child: IntegerRange) -> str | None:
    """As for decimals, the child's bounds being included."""
    return decimals(parent, DecimalRange(child.minimum, child.maximum))


def decimal_texts(parent: DecimalText, child: DecimalText) -> str | None:
    """As for decimals."""
    return decimals(parent.bounds, child.bounds)


def length_of_text(parent: Length, child: Prefix | SubPath) -> str | None:
    """What begins with the child's text has at least its characters."""
    return _length_of_more(parent, len(child.text if isinstance(child, Prefix) else child.root))


def length_of_list(parent: Length, child: ListContains) -> str | None:
    """A list that contains the child's members has at least as many."""
    return _length_of_more(parent, child.members.size)


def length_of_glob(parent: Length, child: SegmentGlob, steps: Steps) -> str | None:
    """What matches the child's pattern has at least its characters, a last `**` counted as one."""
    steps.take(len(child.pieces))
    return _length_of_more(parent, len(child.pattern) - (child.pieces[-1] == REST))


def _length_of_more(parent: Length, least: int) -> str | None:
    if parent.maximum is not None:
        return "it may be longer"
    return None if least >= parent.minimum else "it may be shorter"


def prefixes(parent: Prefix, child: Prefix | SubPath) -> str | None:
    """The child's text begins with the parent's."""
    text = child.text if isinstance(child, Prefix) else child.root
    return None if text.startswith(parent.text) else _OTHER_BEGINNING


def prefix_of_glob(parent: Prefix, child: SegmentGlob, steps: Steps) -> str | None:
    """The child's pattern up to its first `*` or `**` begins with the parent's text."""
    steps.take(len(child.pieces))
    literal = child.separator.join((*child.literal, "")) if len(child.literal) < len(child.pieces) else child.pattern
    return None if literal.startswith(parent.text) else _OTHER_BEGINNING


def globs(parent: SegmentGlob, child: SegmentGlob, steps: Steps) -> str | None:
    """The separators are equal, and the parent's pieces stand for the child's, none left over."""
    steps.take(len(parent.pieces))
    if parent.separator != child.separator:
        return "it is in segments by another separator"
    if child.pieces[-1] == REST and (parent.pieces[-1] != REST or len(child.pieces) < len(parent.pieces)):
        return "it may have more segments"
    return None if parent.matches(child.pieces) else "its pattern is another"


def glob_of_path(parent: SegmentGlob, child: SubPath, steps: Steps) -> str | None:
    """The parent's last piece is `**`, and it allows the child's path: then what lies below it, too."""
    steps.take(len(parent.pieces))
    if parent.separator != "/" or parent.pieces[-1] != REST:
        return "it may have more segments"
    return None if parent.matches(child.root.split("/")) else "its path is not of the pattern"


def path_of_glob(parent: SubPath, child: SegmentGlob, steps: Steps) -> str | None:
    """All that the child allows are paths in normal form, and begin with pieces that lie in the parent's."""
    steps.take(len(child.pieces))
    first, *rest = child.pieces
    if child.separator != "/" or first or not rest:  # in segments by "/", none of the rest is empty
        return "not all that it allows are paths in normal form"
    literal = "/".join(child.literal)
    return None if parent.root == "/" or (literal and lies_in(literal, parent.root)) else "it may lie elsewhere"


def paths(parent: SubPath, child: SubPath) -> str | None:
    """The child's path is the parent's or lies below it."""
    inner, outer = child.root, parent.root
    if outer in (inner, "/") or inner.startswith(outer + "/"):  # both are in normal form
        return None
    return "it does not lie under the parent's path"


def urls(parent: Url, child: Url) -> str | None:
    """Every part of the child lies within that of the parent."""
    if not set(child.schemes) <= set(parent.schemes):
        return "a scheme is added"
    if parent.host == child.host:
        if child.subdomains and not parent.subdomains:
            return "subdomains are added"
    elif not (parent.subdomains and child.host.endswith("." + parent.host)):
        return "the host is another"
    if parent.port != child.port:
        return "the port is another"
    if parent.path_prefix not in ("", "/") and not lies_in(child.path_prefix, parent.path_prefix):
        return "the path is not below the parent's"
    return None


def networks(parent: Cidr, child: Cidr) -> str | None:
    """The child's network lies in the parent's."""
    return None if parent.contains(child) else f"{child.network} is not in {parent.network}"


def subsets(parent: ListSubset, child: ListSubset, steps: Steps) -> str | None:
    """The child's members are among the parent's."""
    steps.take(child.members.size)
    return None if child.members.within(parent.members) else "a member is added"


def supersets(parent: ListContains, child: ListContains, steps: Steps) -> str | None:
    """The parent's members are among the child's."""
    steps.take(parent.members.size)
    return None if parent.members.within(child.members) else "a member need not be there"


def any_list(parent: Each, child: ListContains) -> str | None:  # noqa: ARG001 - a rule takes both
    """The parent allows every list."""
    return None if isinstance(parent.member, Anything) else "other members may be there"


def regexes(parent: Regex, child: Regex) -> str | None:
    """The expressions are the same characters."""
    return None if parent.expression == child.expression else "the expressions are not the same"
