"""What a tool says of itself beside what the operator's catalogue says of it: it raises a risk, and never lowers one.

It comes from the tool's own guard, which could as well not run the tool: so it needs no signature, and no more trust.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from delegation.core.named_tuple import NamedTuple
from delegation.core.trust import CatalogueTool, Effect
from delegation.errors import Reason, refusal

DECLARED_LABELS: Final = 16
"""Labels that one tool declares. Who needs more names kinds of data, not data."""

LABEL: Final = "[a-z][a-z0-9_-]{0,63}"
"""What a label is, in catalogues and declarations, as a regular expression of the whole."""

_LABEL: Final = re.compile(LABEL)


class Declaration(NamedTuple):
    """What a tool says of itself.

    Attributes:
        effects: what it does; empty if that was not said.
        labels: of its results.
        manifest_digest: of the tool as it is served (SPEC T-37), 32 bytes; empty if that is not known.
    """

    effects: frozenset[Effect] = frozenset()
    labels: frozenset[str] = frozenset()
    manifest_digest: bytes = b""

    def adds_to(self, entry: CatalogueTool) -> bool:
        """Tell whether it says of anything that the catalogue does not."""
        return not (self.effects <= entry.effects and self.labels <= entry.labels)

    def united(self, entry: CatalogueTool) -> CatalogueTool:
        """Give the catalogue's entry with what this adds (T-43); what it adds to is not local any more."""
        if not self.adds_to(entry):
            return entry
        return entry._replace(effects=entry.effects | self.effects, labels=entry.labels | self.labels, local=False)

    def is_another(self, entry: CatalogueTool) -> bool:
        """Tell whether the catalogue pins a manifest, and this is not known to be it."""
        return bool(entry.manifest_digest) and self.manifest_digest != entry.manifest_digest

    def may_be_served(self, entry: CatalogueTool) -> bool:
        """Tell whether the catalogue lets this run as the tool: not where it requires another manifest (T-38, T-45)."""
        return not (entry.manifest_required and self.is_another(entry))


NOTHING_DECLARED: Final = Declaration()


def checked_labels(labels: Iterable[str]) -> frozenset[str]:
    """Give labels that a tool declares.

    Raises:
        Malformed: FIELD_INVALID: one is no label as catalogues have them, or there are too many.
    """
    known = frozenset(labels)
    if not all(_LABEL.fullmatch(label) for label in known):
        raise refusal(Reason.FIELD_INVALID, detail="a label is a small letter, then letters, digits, - and _")
    if len(known) > DECLARED_LABELS:
        raise refusal(Reason.FIELD_INVALID, detail=f"a tool declares at most {DECLARED_LABELS} labels")
    return known
