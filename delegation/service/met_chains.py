"""Which chains a tool has met: by their token, or by the proof of a call.

A link id is no secret: it stands in every trace. So a record that only names one is attributed to nobody;
otherwise a tool could see any chain, and accuse any agent, by recording a call that was never made.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from delegation.core.codec import decode_proof, split_proof
from delegation.core.keys import Purpose, signing_input, verify
from delegation.core.records import DecisionRecord
from delegation.errors import Refused

REMEMBERED: Final = 65_536
"""Pairs of a caller and a chain; some 15 MB. One that is forgotten is shown by the next proof."""

PROOFS_TRIED: Final = 3
"""Of one chain in one batch, those of permitted calls first: each costs a signature verification."""


class MetChains:
    """Remembers who has met which chain."""

    def __init__(self, *, remember: int = REMEMBERED) -> None:
        self._remember = remember
        self._met: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    def note(self, caller_id: str, chain_digest: bytes) -> None:
        """Remember that a caller has shown a chain's token, and that it verified."""
        self._met[caller_id, chain_digest] = None
        self._met.move_to_end((caller_id, chain_digest))
        if len(self._met) > self._remember:
            self._met.popitem(last=False)

    async def has_met(self, caller_id: str, holder_key: bytes, records: Sequence[DecisionRecord]) -> bool:
        """Tell whether a caller has met the chain that these records of it are all about.

        Args:
            caller_id: whose records they are.
            holder_key: of the chain's leaf, which signs the proofs.
            records: all of one chain; not empty.
        """
        digest = records[0].chain_digest
        if (caller_id, digest) in self._met:
            return True
        for record in sorted(records, key=lambda record: not record.allowed)[:PROOFS_TRIED]:
            await asyncio.sleep(0)  # others are waiting
            if _proves(record, holder_key):
                self.note(caller_id, digest)
                return True
        return False


def _proves(record: DecisionRecord, holder_key: bytes) -> bool:
    """Tell whether a record holds its chain's holder's proof of just this call. When it was made says the record."""
    try:
        payload, signature = split_proof(record.proof)
        claim = decode_proof(payload)
        if (claim.chain_digest, claim.audience, claim.tool, claim.arguments_digest) != (
            record.chain_digest,
            record.audience,
            record.tool,
            record.arguments_digest,
        ):
            return False
        verify(holder_key, signing_input(Purpose.PROOF, payload), signature)
    except Refused:
        return False
    return True
