"""Random values, constraints, scopes and messages for property tests.

`bounded` keeps runs short and the same every time.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from delegation.core import limits
from delegation.core.arguments import Arguments, Value
from delegation.core.conditions import Budget, CallCount, approved_by, budget, in_order
from delegation.core.constraints import (
    AllOf,
    AnyOf,
    Anything,
    Argument,
    Cidr,
    Constraint,
    DecimalRange,
    DecimalText,
    Each,
    Exact,
    Fields,
    IntegerRange,
    Length,
    ListContains,
    ListSubset,
    Negation,
    NotOneOf,
    OneOf,
    Prefix,
    Regex,
    SegmentGlob,
    SubPath,
    Url,
)
from delegation.core.scope import Capability, Scope


def bounded(examples: int) -> settings:
    """Settings for so many examples, the same in every run."""
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


SAFE = limits.SAFE_INTEGER
integers = st.integers(-3, 6) | st.integers(-SAFE, SAFE)
fractions = st.sampled_from(["0.5", "-0.5", "1.5", "0.1", "5.25"]).map(Decimal)
numbers = integers | fractions
characters = st.characters(codec="utf-8")
strings = st.sampled_from(["", "a", "b", "5", "true", "/srv", "/srv/a"]) | st.text(characters, max_size=8)
names = st.text(st.sampled_from("abcxyz_é€😀"), min_size=1, max_size=6)
scalars = st.none() | st.booleans() | integers | fractions | strings

_segments = st.lists(st.sampled_from(["srv", "a", "b", ".hidden", "...", "ä", "x y", "%"]), min_size=1, max_size=3)
normal_paths = st.just("/") | _segments.map(lambda parts: "/" + "/".join(parts))
hostile_paths = st.lists(
    st.sampled_from(["/", "//", ".", "..", "srv", "a", "\\", "%2e", "%2F", "\0", "\n", " ", "~", "%"]), max_size=7
).map("".join)

json_numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-SAFE, SAFE)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | json_numbers | st.text(characters, max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(characters, max_size=6), inner, max_size=4),
    max_leaves=12,
)


def typed(value: Any) -> Value:
    """Take a JSON-like value as the kernel does."""
    return Arguments.of({"value": value}).values["value"]


def untyped(value: Value) -> Any:
    """Give the JSON-like value of a typed one."""
    match value:
        case Decimal():
            return float(value)
        case list():
            return [untyped(member) for member in value]
        case dict():
            return {name: untyped(member) for name, member in value.items()}
        case _:
            return value


values: st.SearchStrategy[Value] = st.recursive(
    scalars | normal_paths | hostile_paths,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)

_bounds = st.none() | integers
_decimal_bounds = st.none() | numbers


def _ordered(low: Any, high: Any) -> tuple[Any, Any]:
    if low is None or high is None:
        return (0, None) if low is high else (low, high)
    return min(low, high), max(low, high)


@st.composite
def integer_ranges(draw: st.DrawFn) -> IntegerRange:
    """Ranges of integers, never empty."""
    return IntegerRange(*_ordered(draw(_bounds), draw(_bounds)))


@st.composite
def decimal_ranges(draw: st.DrawFn) -> DecimalRange:
    """Ranges of numbers, never empty."""
    low, high = _ordered(draw(_decimal_bounds), draw(_decimal_bounds))
    flags = st.just(False) if low == high else st.booleans()
    return DecimalRange(low, high, low is not None and draw(flags), high is not None and draw(flags))


@st.composite
def one_ofs(draw: st.DrawFn) -> OneOf:
    """Sets of scalars, never empty."""
    return OneOf(
        draw(st.frozensets(strings, max_size=3)),
        draw(st.frozensets(numbers, min_size=1, max_size=4)),
        draw(st.frozensets(st.sampled_from([True, False, None]), max_size=2)),
    )


def _fields(inner: st.SearchStrategy[Constraint]) -> st.SearchStrategy[Fields]:
    argument = st.builds(Argument, inner, st.booleans())
    return st.dictionaries(st.sampled_from(["a", "b", "c"]), argument, max_size=3).map(
        lambda found: Fields(dict(sorted(found.items())))
    )


def _sets(of: Callable[[OneOf], Constraint]) -> st.SearchStrategy[Any]:
    return one_ofs().map(of)


_texts = st.sampled_from(["a", "ab", "/", "/srv", "/srv/a", "orders.", "1", "10."]) | st.text(
    characters, min_size=1, max_size=3
)
_pieces = st.lists(st.sampled_from(["srv", "a", "b", "*", "x y"]), min_size=1, max_size=3)


@st.composite
def _segment_globs(draw: st.DrawFn) -> SegmentGlob:
    separator = draw(st.sampled_from(["/", "."]))
    first = [""] if draw(st.booleans()) else []
    pieces = [*first, *draw(_pieces), *draw(st.sampled_from([[], ["**"]]))]
    pattern = separator.join(pieces)
    return SegmentGlob.of(pattern or "*", separator)


@st.composite
def _urls(draw: st.DrawFn) -> Url:
    schemes = sorted(draw(st.sets(st.sampled_from(["http", "https"]), min_size=1)))
    host = draw(st.sampled_from(["example.org", "api.example.org", "a.api.example.org", "10.1.2.3"]))
    path = draw(st.sampled_from(["", "/", "/v1", "/v1/a", "/v2"]))
    return Url.of(schemes, host, host != "10.1.2.3" and draw(st.booleans()), draw(st.sampled_from([None, 8443])), path)


_V4 = st.builds(lambda bits, number: (32, bits, number), st.sampled_from([0, 8, 16, 31, 32]), st.integers(0, 3))
_V6 = st.builds(lambda bits, number: (128, bits, number), st.sampled_from([0, 7, 64, 128]), st.integers(0, 3))


def _network(size: int, bits: int, number: int) -> Cidr:
    """Make one of a few networks that lie in one another."""
    address = (number << (size - 8 if bits >= 8 else size - 1) if bits else 0) % (1 << size)
    base = address >> (size - bits) << (size - bits)
    return Cidr.of(str(ipaddress.ip_network((base.to_bytes(size // 8, "big"), bits))))


networks = (_V4 | _V6).map(lambda drawn: _network(*drawn))
_lengths = st.builds(
    lambda low, more: Length.of(low, None if more is None else low + more),
    st.integers(1, 4),
    st.none() | st.integers(0, 5),
) | st.integers(0, 5).map(lambda most: Length.of(0, most))
EXPRESSIONS = ["a*", "[ab]+", r"\d{1,3}", "/srv(/.*)?", "(a|b)c?", ".{2}", "[^/]*", "x"]

BY_KIND: dict[type[Any], st.SearchStrategy[Any]] = {
    Anything: st.just(Anything()),
    Exact: values.map(Exact),
    OneOf: one_ofs(),
    NotOneOf: one_ofs().map(lambda found: NotOneOf.of(found._replace(others=found.others - {None}))),
    IntegerRange: integer_ranges(),
    DecimalRange: decimal_ranges(),
    DecimalText: decimal_ranges().map(DecimalText),
    Length: _lengths,
    Prefix: _texts.map(Prefix.of),
    SegmentGlob: _segment_globs(),
    SubPath: normal_paths.map(SubPath),
    Url: _urls(),
    Cidr: networks,
    ListSubset: _sets(ListSubset),
    ListContains: _sets(ListContains),
    Regex: st.sampled_from(EXPRESSIONS).map(Regex.of),
}
"""Each kind that holds no other, in a world small enough for two to be near one another."""

_NEGATABLE = [kind for kind in BY_KIND if kind not in (Anything, NotOneOf)]


def _negation(drawn: Constraint) -> Constraint:
    match drawn:
        case Exact(value=None):
            return Negation.of(Exact(False))
        case OneOf(others=others):
            return Negation.of(drawn._replace(others=others - {None}))
        case _:
            return Negation.of(drawn)


leaves: st.SearchStrategy[Constraint] = st.one_of(*BY_KIND.values())
BY_KIND[Negation] = st.one_of(*(BY_KIND[kind] for kind in _NEGATABLE)).map(_negation)


def _several(inner: st.SearchStrategy[Constraint]) -> st.SearchStrategy[tuple[Constraint, ...]]:
    return st.lists(inner, min_size=1, max_size=3).map(tuple)


constraints: st.SearchStrategy[Constraint] = st.recursive(
    leaves | BY_KIND[Negation],
    lambda inner: inner.map(Each) | _fields(inner) | _several(inner).map(AllOf) | _several(inner).map(AnyOf),
    max_leaves=4,
)
BY_KIND[Each] = constraints.map(Each)
BY_KIND[Fields] = _fields(constraints)
BY_KIND[AllOf] = _several(constraints).map(AllOf)
BY_KIND[AnyOf] = _several(constraints).map(AnyOf)

arguments = st.none() | st.dictionaries(names, st.builds(Argument, constraints, st.booleans()), max_size=3).map(
    lambda found: dict(sorted(found.items()))
)
_conditions = st.one_of(
    st.builds(CallCount, st.integers(1, SAFE)),
    st.builds(budget, names, st.integers(0, 10**9) | fractions.filter(lambda number: number > 0)),
    st.lists(names, min_size=1, max_size=3, unique=True).flatmap(
        lambda found: st.integers(1, len(found)).map(lambda threshold: approved_by(*found, threshold=threshold))
    ),
)
conditions = st.lists(_conditions, max_size=3, unique_by=lambda c: c[:1] if isinstance(c, Budget) else type(c)).map(
    in_order
)
capabilities = st.builds(Capability, names, names, arguments, conditions)
scopes = st.lists(capabilities, max_size=4, unique_by=lambda c: (c.audience, c.tool)).map(lambda found: Scope(*found))


def within(parent: Constraint) -> st.SearchStrategy[Constraint]:
    """Constraints that people would call narrower."""
    narrow = _WITHIN.get(type(parent))
    return st.just(parent) if narrow is None else narrow(parent)


def _within_range(parent: IntegerRange | DecimalRange) -> st.SearchStrategy[Constraint]:
    if isinstance(parent, IntegerRange):
        return _inside(integer_ranges(), parent.minimum, parent.maximum, IntegerRange) | st.just(parent)
    low, high, *flags = parent
    return _inside(decimal_ranges(), low, high, lambda a, b: DecimalRange(a, b, *flags)) | st.just(parent)


def _below(root: str) -> st.SearchStrategy[str]:
    return normal_paths.map(lambda path: path if root == "/" else root if path == "/" else root + path)


def _within_path(parent: SubPath) -> st.SearchStrategy[Constraint]:
    below = _below(parent.root)
    globs = below.filter(lambda path: path != "/" and "*" not in path).map(lambda path: SegmentGlob.of(path + "/*"))
    paths = below.map(SubPath)
    return paths | below.map(Exact) | globs | paths.map(lambda path: AllOf((path, Negation(Exact("/srv/x")))))


def _within_glob(parent: SegmentGlob) -> st.SearchStrategy[Constraint]:
    def narrowed(one: str, rest: list[str]) -> Constraint:
        pieces = [one if piece == "*" else piece for piece in parent.pieces]
        pieces = [*pieces[:-1], *rest] if pieces[-1] == "**" else pieces
        return SegmentGlob(tuple(pieces), parent.separator)

    return st.builds(narrowed, st.sampled_from(["*", "a", "srv"]), st.sampled_from([["**"], ["*", "**"], ["a", "*"]]))


def _within_url(parent: Url) -> st.SearchStrategy[Constraint]:
    deeper = parent._replace(path_prefix=parent.path_prefix.rstrip("/") + "/deeper")
    fewer = parent._replace(schemes=parent.schemes[:1])
    below = parent._replace(host="x." + parent.host) if parent.subdomains else parent
    return st.sampled_from([parent, deeper, fewer, below, parent._replace(subdomains=False)])


def _within_network(parent: Cidr) -> st.SearchStrategy[Constraint]:
    network = ipaddress.ip_network(parent.network)
    halves = list(network.subnets()) if network.prefixlen < network.max_prefixlen else [network]
    return st.sampled_from(halves).map(lambda half: Cidr.of(str(half))) | st.just(Exact(str(network[0])))


def _fewer(members: OneOf) -> st.SearchStrategy[OneOf]:
    return st.sets(st.sampled_from(members.members()), min_size=1).map(lambda some: OneOf.of(list(some)))


def _within_fields(parent: Fields) -> st.SearchStrategy[Constraint]:
    named = parent.fields
    required = {n: within(a.constraint).map(Argument) for n, a in named.items()}
    left_out = {n: s for n, s in required.items() if named[n].optional}
    kept = {n: s for n, s in required.items() if not named[n].optional}
    return st.fixed_dictionaries(kept, optional=left_out).map(lambda f: Fields(dict(sorted(f.items()))))


def _more(parent: AllOf) -> st.SearchStrategy[Constraint]:
    return st.tuples(*map(within, parent.constraints)).map(AllOf) | st.just(AllOf((*parent.constraints, Anything())))


_WITHIN: dict[type[Any], Callable[[Any], st.SearchStrategy[Constraint]]] = {
    Anything: lambda _: constraints,
    OneOf: _fewer,
    NotOneOf: lambda parent: st.just(parent) | st.just(Negation(parent.excluded)),
    IntegerRange: _within_range,
    DecimalRange: _within_range,
    DecimalText: lambda parent: _within_range(parent.bounds).map(DecimalText),
    Length: lambda parent: st.just(
        parent._replace(minimum=parent.minimum + 1)
        if parent.maximum is None
        else parent._replace(minimum=parent.maximum)
    ),
    Prefix: lambda parent: _texts.map(lambda text: Prefix(parent.text + text)),
    SegmentGlob: _within_glob,
    SubPath: _within_path,
    Url: _within_url,
    Cidr: _within_network,
    ListSubset: lambda parent: _fewer(parent.members).map(ListSubset) | _fewer(parent.members).map(Each),
    ListContains: lambda parent: one_ofs().map(
        lambda more: ListContains(OneOf(*map(frozenset.union, parent.members, more)))
    ),
    Each: lambda parent: within(parent.member).map(Each),
    Fields: _within_fields,
    AllOf: _more,
    AnyOf: lambda parent: (
        st.sampled_from(parent.constraints).flatmap(within) | st.tuples(*map(within, parent.constraints)).map(AnyOf)
    ),
}


def _inside(
    ranges: st.SearchStrategy[Any], low: Any, high: Any, make: Callable[[Any, Any], Constraint]
) -> st.SearchStrategy[Constraint]:
    """Move bounds of any ranges to where they lie inside these."""

    def clamp(bound: Any, instead: Any) -> Any:
        if bound is None:
            return instead
        bound = bound if low is None else max(bound, low)
        return bound if high is None else min(bound, high)

    def fit(drawn: Any) -> Constraint:
        bottom, top = clamp(drawn.minimum, low), clamp(drawn.maximum, high)
        if bottom is not None and bottom == top:
            return make(low, high)
        return make(bottom, top)

    return ranges.map(fit)
