"""What the operator's policy was told of a call and its task: kept with the decision, to be asked about again later.

Kept is what no other record says: the state of the task as it was then, and what was looked up for the question. Chain,
time and tool are recorded anyway, arguments as the catalogue says. No value of an argument is in it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple, Self

from delegation.core.approval import ApprovalLevel
from delegation.core.trust import Effect
from delegation.errors import Reason, Refused, refusal
from delegation.policy.port import Consent, PolicyQuestion
from delegation.service.question_fields import RECORDED, When, in_order, read_count, read_effects, read_text, read_texts

INPUTS_BYTES: Final = 8 * 1024
"""Of one call, as what is kept of its arguments. What is longer is kept without the tools that the task has called, or
not at all: then it is rebuilt from other records, as far as that goes."""

_ENCODE: Final = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode

_NOTHING: Final = PolicyQuestion._field_defaults
_LONG: Final = "task_tools"
_CONSENTED, _FULFILS, _EFFECTS, _LABELS = "consented", "fulfils", "tool_effects", "tool_labels"


class RiskInputs(NamedTuple):
    """What a policy was told of a call, apart from what other records say.

    Attributes:
        fields: of the `PolicyQuestion`, by name; what is not in there was not known.
        consented: whose consent was demanded, and there.
        fulfils: the obligations that whoever asked had promised to fulfil.
        effects, labels: the tool's, where it declared more than the catalogue says; else empty.
    """

    fields: Mapping[str, Any]
    consented: tuple[Consent, ...] = ()
    fulfils: frozenset[str] = frozenset()
    effects: frozenset[Effect] = frozenset()
    labels: frozenset[str] = frozenset()

    @property
    def declares(self) -> bool:
        """Whether the tool declared more than the catalogue says."""
        return bool(self.effects)

    @classmethod
    def of_text(cls, text: str) -> Self:
        """Read what `inputs_text` has written.

        Raises:
            Malformed: FIELD_INVALID.
        """
        try:
            return cls._read(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise _invalid() from None

    @classmethod
    def _read(cls, said: Any) -> Self:
        fields = {
            name: field.read(said[name]) if name in said else _NOTHING[name]
            for name, field in RECORDED.items()
            if name in said or field.when is When.ALWAYS
        }
        consented = tuple(
            Consent(
                read_text(rule),
                tuple(map(read_text, approvers)),
                read_count(threshold),
                bool(principal),
                *map(ApprovalLevel, level),
            )
            for rule, approvers, threshold, principal, *level in said.get(_CONSENTED, ())
        )
        effects, labels = read_effects(said.get(_EFFECTS, [])), read_texts(said.get(_LABELS, []))
        return cls(fields, consented, read_texts(said.get(_FULFILS, [])), effects, labels)


def inputs_text(
    question: PolicyQuestion,
    known: Collection[str],
    *,
    consented: tuple[Consent, ...] = (),
    fulfils: frozenset[str] = frozenset(),
    declared: bool = False,
) -> str | None:
    """Write what is kept of a question about a call; None if that is too long.

    Args:
        question: as it was asked.
        known: the fields that were known, of those in `RECORDED`.
        consented: whose consent was demanded, and there.
        fulfils: the obligations that whoever asked has promised to fulfil.
        declared: whether the tool is another than in the catalogue: its effects and labels are kept, too.
    """
    said: dict[str, Any] = {}
    for name in known:
        value, field = getattr(question, name), RECORDED[name]
        if field.when is not When.ALWAYS or value != _NOTHING[name]:
            said[name] = field.write(value)
    if consented:
        said[_CONSENTED] = [list(each) for each in consented]
    if fulfils:
        said[_FULFILS] = sorted(fulfils)
    if declared:
        said[_EFFECTS], said[_LABELS] = in_order(question.tool.effects), in_order(question.tool.labels)
    if sum(map(len, said.get(_LONG, ()))) > INPUTS_BYTES:
        del said[_LONG]
    return _within(said) or _within({name: value for name, value in said.items() if name != _LONG})


def _within(said: Mapping[str, Any]) -> str | None:
    text = _ENCODE(said)
    try:
        return text if len(text.encode()) <= INPUTS_BYTES else None
    except UnicodeEncodeError:  # a lone surrogate in a name: no database takes that
        return None


def _invalid() -> Refused:
    return refusal(Reason.FIELD_INVALID, detail="what a policy was told is not in the form in which it is kept")
