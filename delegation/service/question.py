"""What is asked about a call, and the decision that answers it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from delegation.core.chain import TraceIds
from delegation.core.declaration import NOTHING_DECLARED, Declaration
from delegation.errors import Refused
from delegation.service.packing import digest_of

_NO_TRACE: Final = TraceIds(b"", b"")


@dataclass(frozen=True, slots=True)
class Question:
    """A call to be decided, as the guard received it; `attempt` is the guard's, the rest its caller's."""

    audience: str
    tool: str
    token: bytes = field(repr=False)
    proof: bytes = field(repr=False)
    arguments_json: bytes = field(repr=False)
    attempt: bytes
    trace: TraceIds | None = None
    fulfils: frozenset[str] = frozenset()
    declared: Declaration = NOTHING_DECLARED

    def digest(self) -> bytes:
        """Give the SHA-256 by which the same question is known again."""
        return digest_of(
            self.audience.encode(),
            self.tool.encode(),
            self.token,
            self.proof,
            self.arguments_json,
            self.attempt,
            *(self.trace or _NO_TRACE),
            *(name.encode() for name in sorted(self.fulfils)),
            *(_parts(self.declared) if self.declared != NOTHING_DECLARED else ()),
        )


class Decision(NamedTuple):
    """A decision; `refusal` is None if and only if the call is permitted. `obligations` are the tool's then.

    A call that is refused may run all the same if it is `observed`.
    """

    call_id: bytes
    decided_at_ms: int
    refusal: Refused | None
    obligations: tuple[str, ...] = ()
    observed: bool = False


def _parts(declared: Declaration) -> tuple[bytes, ...]:
    """Give what tells one declaration from another; no name of an obligation looks like the first of these."""
    effects, labels = ",".join(sorted(declared.effects)), ",".join(sorted(declared.labels))
    return b"\0declared", effects.encode(), labels.encode(), declared.manifest_digest
