"""Random values, constraints, scopes and messages for property tests.

`bounded` keeps runs short and the same every time.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from delegation.core import limits
from delegation.core.arguments import Arguments, Value
from delegation.core.constraints import (
    Anything,
    Argument,
    Constraint,
    DecimalRange,
    Each,
    Exact,
    Fields,
    IntegerRange,
    OneOf,
    SubPath,
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


constraints: st.SearchStrategy[Constraint] = st.recursive(
    st.one_of(
        st.just(Anything()),
        values.map(Exact),
        one_ofs(),
        integer_ranges(),
        decimal_ranges(),
        normal_paths.map(SubPath),
    ),
    lambda inner: inner.map(Each) | _fields(inner),
    max_leaves=4,
)

arguments = st.none() | st.dictionaries(names, st.builds(Argument, constraints, st.booleans()), max_size=3).map(
    lambda found: dict(sorted(found.items()))
)
capabilities = st.builds(Capability, names, names, arguments, st.just(()))
scopes = st.lists(capabilities, max_size=4, unique_by=lambda c: (c.audience, c.tool)).map(lambda found: Scope(*found))


def within(parent: Constraint) -> st.SearchStrategy[Constraint]:
    """Constraints that people would call narrower."""
    match parent:
        case Anything():
            return constraints
        case OneOf():
            return st.sets(st.sampled_from(parent.members()), min_size=1).map(lambda some: _one_of(list(some)))
        case IntegerRange(low, high):
            return _inside(integer_ranges(), low, high, IntegerRange) | st.just(parent)
        case DecimalRange(low, high):
            flags = parent.minimum_exclusive, parent.maximum_exclusive
            return _inside(decimal_ranges(), low, high, lambda a, b: DecimalRange(a, b, *flags)) | st.just(parent)
        case SubPath(root):
            below = normal_paths.map(lambda path: path if root == "/" else root if path == "/" else root + path)
            return below.map(SubPath) | below.map(Exact)
        case Each(member):
            return within(member).map(Each)
        case Fields(fields=named):
            required = {n: within(a.constraint).map(Argument) for n, a in named.items()}
            left_out = {n: s for n, s in required.items() if named[n].optional}
            kept = {n: s for n, s in required.items() if not named[n].optional}
            return st.fixed_dictionaries(kept, optional=left_out).map(lambda f: Fields(dict(sorted(f.items()))))
        case _:
            return st.just(parent)


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


def _one_of(members: list[Any]) -> OneOf:
    return OneOf(
        frozenset(m for m in members if isinstance(m, str)),
        frozenset(m for m in members if isinstance(m, int | Decimal) and not isinstance(m, bool)),
        frozenset(m for m in members if m is None or isinstance(m, bool)),
    )
