"""The denials that were answered lately: the database knows questions by their proofs only."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from delegation.errors import Refused, refusal
from delegation.service.question import Decision

REMEMBERED_DENIALS: Final = 10_000
"""Who repeats a question does so within seconds."""

KEPT_CHARACTERS: Final = 512
"""Of each of a remembered denial's words; some of them may be a caller's."""


class RememberedDenials:
    """Gives whoever asks the same again the same denial."""

    def __init__(self) -> None:
        self._denials: OrderedDict[tuple[str, bytes], Decision] = OrderedDict()

    def find(self, caller_id: str, digest: bytes) -> Decision | None:
        """Give the denial of a caller's question, known by its digest; None: there was none lately."""
        return self._denials.get((caller_id, digest))

    def keep(self, caller_id: str, digest: bytes, decision: Decision) -> Decision:
        """Keep a denial, and give the one that is kept: what is added to it later is there for whoever asks again.

        Of a permission nothing is kept.
        """
        if decision.refusal is None:
            return decision
        kept = self._denials[caller_id, digest] = decision._replace(refusal=_bare(decision.refusal))
        if len(self._denials) > REMEMBERED_DENIALS:
            self._denials.popitem(last=False)
        return kept


def _bare(refused: Refused) -> Refused:
    """Give a refusal that can be kept: one that was raised holds its frames, and they the whole question."""
    words = {name: getattr(refused, name)[:KEPT_CHARACTERS] for name in ("field", "parent", "child", "detail")}
    bare = refusal(refused.reason, link_index=refused.link_index, **words)
    bare.acr_values, bare.max_age_s = refused.acr_values, refused.max_age_s
    return bare
