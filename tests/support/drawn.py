"""Random values that a constraint is likely to allow, or nearly allows."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from delegation.core.constraints import (
    AllOf,
    AnyOf,
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
from delegation.core.constraints.decimals import format_decimal
from support.strategies import characters, normal_paths, scalars, values

Drawn = st.SearchStrategy[Any]


def drawn_from(constraint: Constraint) -> Drawn:
    """Values likely to be allowed by a constraint."""
    draw = _DRAWN.get(type(constraint))
    return values if draw is None else draw(constraint)


def _near(bounds: IntegerRange | DecimalRange) -> Drawn:
    ends = [bound for bound in (bounds.minimum, bounds.maximum) if bound is not None]
    around = [end + step for end in ends for step in (-1, 0, 1, Decimal("0.5"), Decimal("-0.001"))]
    return st.sampled_from([int(n) if n == int(n) else n for n in around])


def _texts(constraint: DecimalText) -> Drawn:
    return _near(constraint.bounds).flatmap(
        lambda number: st.sampled_from([format_decimal(number), format_decimal(number) + ".0", f"{number}0"])
    )


def _of_length(constraint: Length) -> Drawn:
    most = constraint.minimum + 3 if constraint.maximum is None else constraint.maximum
    sizes = st.integers(constraint.minimum, most)
    strings = sizes.flatmap(lambda size: st.text(characters, min_size=size, max_size=size))
    return strings | sizes.map(lambda size: ["a"] * size)


def _segments(constraint: SegmentGlob) -> Drawn:
    piece, rest = st.sampled_from(["a", "srv", "x y", "*"]), st.lists(st.just("b"), min_size=1, max_size=3)
    pieces = [piece if one == "*" else st.just(one) for one in constraint.pieces if one != "**"]
    tail = rest if constraint.pieces[-1] == "**" else st.just([])
    return st.builds(lambda head, more: constraint.separator.join([*head, *more]), st.tuples(*pieces), tail)


def _urls(constraint: Url) -> Drawn:
    port = "" if constraint.port is None else f":{constraint.port}"
    hosts = ["", "x.", "a.b."] if constraint.subdomains else [""]
    return st.builds(
        lambda scheme, host, path: (
            f"{scheme}://{host}{constraint.host}{port}{constraint.path_prefix.rstrip('/')}{path}"
        ),
        st.sampled_from(constraint.schemes),
        st.sampled_from(hosts),
        st.sampled_from(["", "/", "/a", "/deeper/x?q=1", "?q", "x"]),
    )


def _addresses(constraint: Cidr) -> Drawn:
    network = ipaddress.ip_network(constraint.network)
    return st.sampled_from([str(network[index]) for index in (0, -1, network.num_addresses // 2)])


def _supersets(constraint: ListContains) -> Drawn:
    members = list(constraint.members.members())
    return st.lists(scalars, max_size=2).map(lambda more: [*members, *more])


def _objects(constraint: Fields) -> Drawn:
    named = constraint.fields
    return st.fixed_dictionaries(
        {name: drawn_from(a.constraint) for name, a in named.items() if not a.optional},
        optional={name: drawn_from(a.constraint) for name, a in named.items() if a.optional},
    )


def _any_branch(constraint: AllOf | AnyOf) -> Drawn:
    return st.one_of(*map(drawn_from, constraint.constraints))


_DRAWN: dict[type[Any], Callable[[Any], Drawn]] = {
    Exact: lambda constraint: st.just(constraint.value),
    OneOf: lambda constraint: st.sampled_from(constraint.members()),
    NotOneOf: lambda constraint: st.sampled_from(constraint.excluded.members()) | scalars,
    IntegerRange: _near,
    DecimalRange: _near,
    DecimalText: _texts,
    Length: _of_length,
    Prefix: lambda constraint: st.text(characters, max_size=3).map(constraint.text.__add__) | st.just(constraint.text),
    SegmentGlob: _segments,
    SubPath: lambda constraint: (
        normal_paths.map(lambda path: path if constraint.root == "/" else constraint.root + path)
        | st.just(constraint.root)
    ),
    Url: _urls,
    Cidr: _addresses,
    ListSubset: lambda constraint: st.lists(st.sampled_from(constraint.members.members()), max_size=3),
    ListContains: _supersets,
    Each: lambda constraint: st.lists(drawn_from(constraint.member), max_size=2),
    Fields: _objects,
    Regex: lambda constraint: st.from_regex(re.compile(constraint.expression, re.ASCII), fullmatch=True),
    Negation: lambda constraint: drawn_from(constraint.constraint) | values,
    AllOf: _any_branch,
    AnyOf: _any_branch,
}
