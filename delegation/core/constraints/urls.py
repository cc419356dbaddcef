"""URLs at or below a place.

A URL that is not in normal form is refused, never rewritten: parsers disagree on everything else (userinfo, upper case,
other spellings of an address, encoded separators). What a name resolves to is the tool's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Self

from delegation.core import limits
from delegation.core.arguments import Value
from delegation.core.constraints.domains import URLS, Domain
from delegation.core.constraints.family import Steps, typed
from delegation.core.constraints.paths import lies_in
from delegation.core.constraints.strings import check_string
from delegation.core.constraints.words import ROOM, clipped
from delegation.core.named_tuple import NamedTuple
from delegation.errors import Reason, refusal

# Patterns, compiled when the first URL is met. No triplet of a path stands for what a tool might unescape into
# something else: controls, separators, the percent sign itself, and what needs no escape.
_SCHEME: Final = r"[a-z][a-z0-9+.-]*"
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_CHARACTER: Final = r"[A-Za-z0-9._~!$&'()*+,;=:@/-]"
_TRIPLET: Final = r"%(?:2[0-46-9A-C]|3[AC-F]|40|5[BDE]|60|7[B-D]|[89A-F][0-9A-F])"
_PATH: Final = rf"/{_CHARACTER}*(?:{_TRIPLET}{_CHARACTER}*)*"
_QUERY: Final = r"[A-Za-z0-9._~!$&'()*+,;=:@/?-]*(?:%[0-9A-F]{2}[A-Za-z0-9._~!$&'()*+,;=:@/?-]*)*"
_URL: Final = rf"({_SCHEME})://([a-z0-9.-]+)(?::([1-9][0-9]{{0,4}}))?(?:({_PATH})(?:\?{_QUERY})?)?"
_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4: Final = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_NUMBER: Final = r"[0-9]+|0x[0-9a-f]*"
_BEYOND_ASCII: Final = r"%[89A-F]"
_DOT_SEGMENT: Final = r"/\.\.?(?:[/;]|\Z)"
_HOST_CHARACTERS: Final = 253
_LAST_PORT: Final = 65535
_DEFAULT_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443, "ftp": 21}
"""Written out, they would be another spelling of the same place."""


def is_ipv4(host: str) -> bool:
    """Tell whether a host is four decimal numbers from 0 to 255 without leading zeros, joined by dots."""
    return bool(re.fullmatch(_IPV4, host))


def is_normal_host(host: str) -> bool:
    """Tell whether a host is in URL normal form: an IPv4 address, or labels of which the last is no number."""
    if len(host) > _HOST_CHARACTERS or not re.fullmatch(rf"{_LABEL}(?:\.{_LABEL})*", host):
        return False
    return not re.fullmatch(_NUMBER, host.rpartition(".")[2]) or is_ipv4(host)


def is_normal_url_path(path: str) -> bool:
    """Tell whether a path that begins with a slash is one of URL normal form."""
    return bool(re.fullmatch(_PATH, path)) and _has_plain_segments(path)


def _has_plain_segments(path: str) -> bool:
    return (
        "//" not in path
        and not ("/." in path and re.search(_DOT_SEGMENT, path))
        and not ("%" in path and re.search(_BEYOND_ASCII, path) and not _is_utf8(path))
    )


def _is_utf8(path: str) -> bool:
    """Tell whether what triplets stand for is UTF-8: to some readers an overlong dot is a dot."""
    escaped = path.replace("%", "\\x").encode()  # there is no backslash in it
    try:
        escaped.decode("unicode_escape").encode("latin-1").decode()
    except UnicodeDecodeError:
        return False
    return True


class UrlParts(NamedTuple):
    """The parts of a URL in normal form that constraints speak of; an empty path stands as "/"."""

    scheme: str
    host: str
    port: int | None
    path: str


def parts_of(text: str) -> UrlParts | None:
    """Take a URL apart; None if it is not in normal form (SPEC section 5.1)."""
    match = re.fullmatch(_URL, text)
    if match is None:
        return None
    scheme, host, written, path = match.groups("")
    port = int(written) if written else None
    if port is not None and (port > _LAST_PORT or port == _DEFAULT_PORTS.get(scheme)):
        return None
    if not is_normal_host(host) or not _has_plain_segments(path):
        return None
    return UrlParts(scheme, host, port, path or "/")


@typed
class Url(NamedTuple):
    """Allows URLs in normal form whose parts fit.

    Attributes:
        schemes: one of these, sorted.
        host: this host,
        subdomains: or, if True, one that ends in "." and the host.
        port: as the URL writes it; None: it writes none.
        path_prefix: the path is this or lies below it; empty: any path. Any query is permitted.
    """

    schemes: tuple[str, ...]
    host: str
    subdomains: bool = False
    port: int | None = None
    path_prefix: str = ""

    @classmethod
    def of(
        cls,
        schemes: Iterable[str],
        host: str,
        subdomains: bool = False,  # noqa: FBT001, FBT002 - fields of the message, in their order
        port: int | None = None,
        path_prefix: str = "",
    ) -> Self:
        """Take the parts of a pattern, checked.

        Raises:
            Malformed: FIELD_INVALID (S-19).
        """
        named = tuple(schemes)
        if not 0 < len(named) <= limits.SCHEMES or sorted(set(named)) != list(named):
            raise refusal(Reason.FIELD_INVALID, detail="schemes are none, too many, or not sorted and unique")
        if not all(re.fullmatch(_SCHEME, scheme) for scheme in named):
            raise refusal(Reason.FIELD_INVALID, detail="a scheme that is none")
        if not is_normal_host(host) or (subdomains and is_ipv4(host)):
            raise refusal(Reason.FIELD_INVALID, detail="not a host in normal form, or subdomains of an address")
        if port is not None and (not 0 < port <= _LAST_PORT or port in map(_DEFAULT_PORTS.get, named)):
            raise refusal(Reason.FIELD_INVALID, detail="a port that is none, or the default of a scheme: leave it out")
        if path_prefix and not is_normal_url_path(path_prefix):
            raise refusal(Reason.FIELD_INVALID, detail="not a path in URL normal form")
        if path_prefix.endswith("/") and path_prefix != "/":
            raise refusal(Reason.FIELD_INVALID, detail="a path of a URL pattern ends with a slash")
        return cls(named, host, subdomains, port, check_string(path_prefix))

    @property
    def domain(self) -> Domain:
        """Strings in URL normal form."""
        return URLS

    def verdict(self, value: Value, steps: Steps) -> bool | None:
        """As `allows`; None for what is no URL in normal form."""
        if type(value) is not str:
            return None
        steps.take(8 + len(value) // 16)
        url = steps.once(parts_of, value)
        if url is None:
            return None
        return (
            url.scheme in self.schemes
            and (url.host == self.host or (self.subdomains and url.host.endswith("." + self.host)))
            and url.port == self.port
            and (not self.path_prefix or lies_in(url.path, self.path_prefix))
        )

    def allows(self, value: Value, steps: Steps) -> bool:
        """Tell whether it is a URL in normal form, and every part fits."""
        return self.verdict(value, steps) is True

    def describe(self, room: int = ROOM) -> str:
        """Show the place."""
        host = f"{self.host} or its subdomains" if self.subdomains else self.host
        port = "" if self.port is None else f", port {self.port}"
        path = f", path under {self.path_prefix}" if self.path_prefix else ""
        return clipped(f"a URL: {' or '.join(self.schemes)}, host {host}{port}{path}", room)
