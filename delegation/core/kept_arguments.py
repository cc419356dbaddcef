"""What is kept of a call's arguments with its decision, as the operator's catalogue says (SPEC T-36).

Of what it does not name nothing is kept. Values are the callers': they are for those who look back, never for a log.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Final

from delegation.core.arguments import Arguments, Value
from delegation.core.canonical_json import canonical_json
from delegation.core.named_tuple import NamedTuple
from delegation.core.trust import Recording
from delegation.errors import Reason, Refused, refusal

KEPT_BYTES: Final = 8 * 1024
"""Of one call. What is longer is worth no row of its own for years; its digest binds it all the same."""

_DIGEST_BYTES: Final = 32


class KeptArguments(NamedTuple):
    """What was kept of a call's arguments.

    Attributes:
        plain: typed values by name, as they were sent.
        digests: 32 bytes in place of a value, by name.
        dropped: of how many arguments nothing was kept.
    """

    plain: Mapping[str, Value]
    digests: Mapping[str, bytes]
    dropped: int

    @property
    def is_whole(self) -> bool:
        """Whether these are all arguments of the call, as they were sent."""
        return not self.digests and not self.dropped

    @classmethod
    def of(
        cls, values: Mapping[str, Value], recorded: tuple[tuple[str, Recording], ...], call_id: bytes
    ) -> KeptArguments:
        """Keep of a call's arguments what the catalogue says.

        Args:
            values: the typed values that were sent.
            recorded: how the catalogue has the tool's arguments kept.
            call_id: 16 bytes, which digests are bound to.
        """
        plain: dict[str, Value] = {}
        digests: dict[str, bytes] = {}
        room = KEPT_BYTES
        for name, how in recorded:
            if name not in values:
                continue
            if how is Recording.DIGEST:
                digests[name] = digest_of_value(call_id, name, values[name])
                continue
            size = len(canonical_json({name: values[name]}))
            if size <= room:
                plain[name] = values[name]
                room -= size
        return cls(plain, digests, len(values) - len(plain) - len(digests))

    @classmethod
    def of_parts(cls, plain_json: bytes, digests: Mapping[str, bytes], dropped: int) -> KeptArguments:
        """Take parts that somebody else has written.

        Raises:
            Malformed: FIELD_INVALID for what `of` does not make.
        """
        try:
            plain = Arguments.parse(plain_json).values
        except Refused:
            raise _invalid() from None
        if dropped < 0 or any(len(digest) != _DIGEST_BYTES for digest in digests.values()) or plain.keys() & digests:
            raise _invalid()
        return cls(plain, dict(digests), dropped)

    @property
    def plain_json(self) -> bytes:
        """RFC 8785 JSON of the object of the plain values."""
        return canonical_json(self.plain)

    def text(self) -> str:
        """Write it as text, for storage."""
        digests = {name: self.digests[name].hex() for name in sorted(self.digests)}
        return json.dumps([self.plain_json.decode(), digests, self.dropped], separators=(",", ":"))

    @classmethod
    def of_text(cls, text: str) -> KeptArguments:
        """Read what `text` has written.

        Raises:
            Malformed: FIELD_INVALID.
        """
        try:
            plain, digests, dropped = json.loads(text)
            taken = {str(name): bytes.fromhex(digest) for name, digest in digests.items()}
            if type(dropped) is not int:  # a float can be infinite
                raise _invalid()
            return cls.of_parts(str(plain).encode(), taken, dropped)
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise _invalid() from None

    def __repr__(self) -> str:
        return f"KeptArguments({len(self.plain)} plain, {len(self.digests)} digests, {self.dropped} dropped)"


def digest_of_value(call_id: bytes, name: str, value: Value) -> bytes:
    """Give the digest that is kept in place of a value: bound to the call, so that equal values do not show.

    Whoever knows the value can show it; whoever guesses few can find it out, too.

    Raises:
        Malformed: FIELD_INVALID for what is no name.
        NotPermitted: ARGUMENTS_INVALID for what is no typed value.
    """
    try:
        named = name.encode()
    except UnicodeEncodeError:  # a lone surrogate
        raise _invalid() from None
    bound = call_id + len(named).to_bytes(4, "big") + named
    return hashlib.sha256(bound + canonical_json(value)).digest()


def _invalid() -> Refused:
    return refusal(Reason.FIELD_INVALID, detail="kept arguments are not in the form in which they are kept")
