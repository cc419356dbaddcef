"""How people write constraints on strings: `under("/srv/docs")`, `url("https://api.example.org/v1")`, `matching(…)`.

What the decoder refuses is refused here already.
"""

from __future__ import annotations

from collections.abc import Iterable

from delegation.core.constraints.addresses import Cidr
from delegation.core.constraints.paths import SubPath
from delegation.core.constraints.regex import Regex
from delegation.core.constraints.segments import DEFAULT_SEPARATOR, SegmentGlob
from delegation.core.constraints.strings import Length, Prefix
from delegation.core.constraints.urls import Url, parts_of
from delegation.errors import Reason, refusal


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise refusal(Reason.FIELD_INVALID, detail=f"a {type(value).__name__} is no string")
    return value


def under(root: str) -> SubPath:
    """Allow a directory and every path below it.

    Raises:
        Malformed: FIELD_INVALID if it is not an absolute path in normal form.
    """
    return SubPath.of(root if root == "/" else _text(root).rstrip("/"))


def starting_with(text: str) -> Prefix:
    """Allow strings that begin with this, whatever follows. For paths and URLs take `under` and `url`.

    Raises:
        Malformed: FIELD_INVALID for the empty string and past 4,096 bytes.
    """
    return Prefix.of(_text(text))


def length(*, at_least: int = 0, at_most: int | None = None) -> Length:
    """Allow strings of so many characters (code points), and lists of so many members.

    Raises:
        Malformed: FIELD_INVALID without a bound, or with nothing between them.
    """
    if type(at_least) is not int or not (at_most is None or type(at_most) is int):
        raise refusal(Reason.FIELD_INVALID, detail="a length is an integer")
    return Length.of(at_least, at_most)


def matching_segments(pattern: str, *, separator: str = DEFAULT_SEPARATOR) -> SegmentGlob:
    """Allow strings that match a pattern segment by segment: `matching_segments("orders.eu.*", separator=".")`.

    `*` stands for one segment that is not empty, a last `**` for one or more.

    Raises:
        Malformed: FIELD_INVALID for a `*` inside a segment, another separator than SPEC lists, and what no value
            could match: controls, backslashes, percent-escapes, `.` and `..`.
    """
    return SegmentGlob.of(_text(pattern), _text(separator))


def url(place: str, *, subdomains: bool = False, schemes: Iterable[str] = ()) -> Url:
    """Allow URLs at a place or below it: `url("https://api.example.org/v1")`. Any query is permitted.

    Args:
        place: a URL in normal form, without a query. Without a path, every path is permitted.
        subdomains: True: also hosts below that of the place.
        schemes: permitted besides that of the place.

    Raises:
        Malformed: FIELD_INVALID for what is not in normal form.
    """
    parts = None if "?" in _text(place) else parts_of(place)
    if parts is None:
        raise refusal(Reason.FIELD_INVALID, detail="not a URL in normal form, or one with a query")
    named = sorted({parts.scheme, *map(_text, schemes)})
    return Url.of(named, parts.host, subdomains, parts.port, parts.path.rstrip("/"))


def in_network(network: str) -> Cidr:
    """Allow IP addresses in a network: `in_network("10.0.0.0/8")`.

    Raises:
        Malformed: FIELD_INVALID for what is not CIDR notation in normal form.
    """
    return Cidr.of(_text(network))


def matching(expression: str) -> Regex:
    r"""Allow strings that a regular expression matches as a whole: `matching(r"INV-\d{6}")`.

    Raises:
        Malformed: FIELD_INVALID for what is outside of the permitted grammar (SPEC section 5.1), CONSTRAINT_UNSUPPORTED
            without RE2 (the extra `regex`).
    """
    return Regex.of(_text(expression))
