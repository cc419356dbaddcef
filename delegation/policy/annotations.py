"""What stands before a rule: its id, what it demands, which arguments it reads.

An annotation that is not known here refuses the rule: Cedar itself would ignore a misspelt one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from delegation.core.approval import ApprovalLevel
from delegation.core.conditions import ApprovalRequirement
from delegation.errors import Malformed
from delegation.policy.arguments import ArgumentType, ArgumentTypes
from delegation.policy.port import Consent, ObligationKind, SignIn
from delegation.policy.sign_in import read_sign_in

_APPROVE: Final = "approve"
_AUTHENTICATE: Final = "authenticate"
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}", re.ASCII)
_KINDS: Final = {str(kind): kind for kind in ObligationKind}
_OF_CONSENT: Final = ("approvers", "threshold", "principal_may_approve", "approval_level")
_OF_SIGN_IN: Final = ("acr", "max_age")
_LIFTED_BY: Final = {_APPROVE: "approval lifts", _AUTHENTICATE: "signing in lifts"}
_KNOWN: Final = frozenset({"id", "description", "obligation", "arguments", *_OF_CONSENT, *_OF_SIGN_IN})
_THRESHOLD: Final = re.compile(r"[1-9][0-9]?", re.ASCII)
_BOOLEANS: Final = {"true": True, "false": False}


class Annotations(NamedTuple):
    """What a rule's annotations say.

    Attributes:
        id: the rule's name in decisions.
        consent: whose consent lifts it; None: nobody's.
        sign_in: how the principal signs in to lift it; None: in no way.
        obligation: what follows from its permission.
        arguments: the arguments that it reads.
        faults: what is wrong with them.
    """

    id: str
    consent: Consent | None
    sign_in: SignIn | None
    obligation: ObligationKind | None
    arguments: Mapping[str, ArgumentType]
    faults: tuple[str, ...]

    @classmethod
    def read(cls, written: Mapping[str, str | None], *, forbids: bool) -> Annotations:
        """Read the annotations of a rule that forbids or permits."""
        texts = {name: text or "" for name, text in written.items()}
        faults = [f"@{unknown} is not known" for unknown in sorted(texts.keys() - _KNOWN)]
        name = texts.get("id", "")
        if not _ID.fullmatch(name):
            faults.append('it needs an id, such as @id("no-leak"): letters, digits and ._/-, at most 64')
            name = ""
        obligation = texts.get("obligation")
        faults += _misplaced(texts, obligation, forbids=forbids)
        consent, sign_in, fault = None, None, ""
        if obligation == _APPROVE and not faults:
            consent, fault = _consent(name, texts)
        elif obligation == _AUTHENTICATE and not faults:
            sign_in, fault = read_sign_in(name, texts)
        faults += [fault] if fault else []
        declared = ArgumentTypes.declared(texts["arguments"]) if "arguments" in texts else ArgumentTypes({})
        faults += [declared.fault] if declared.fault else []
        return cls(name, consent, sign_in, _KINDS.get(obligation or ""), declared.types, tuple(faults))


def _misplaced(texts: Mapping[str, str], obligation: str | None, *, forbids: bool) -> list[str]:
    faults = []
    if obligation is not None and obligation not in _LIFTED_BY and obligation not in _KINDS:
        known = ", ".join((*_LIFTED_BY, *ObligationKind))
        faults.append(f'@obligation("{obligation[:64]}") is not known: it is one of {known}')
    elif obligation in _LIFTED_BY and not forbids:
        faults.append(f'@obligation("{obligation}") belongs to a forbid, which {_LIFTED_BY[obligation]}')
    elif obligation in _KINDS and forbids:
        faults.append(f'@obligation("{obligation}") belongs to a permit')
    for owner, names in ((_APPROVE, _OF_CONSENT), (_AUTHENTICATE, _OF_SIGN_IN)):
        if obligation != owner:
            faults += [f'@{name} belongs to @obligation("{owner}")' for name in names if name in texts]
    return faults


def _consent(id: str, texts: Mapping[str, str]) -> tuple[Consent | None, str]:
    """Read whose consent it takes, or say what is wrong."""
    threshold, principal = texts.get("threshold", "1"), texts.get("principal_may_approve", "false")
    level = texts.get("approval_level", ApprovalLevel.ATTESTED)
    if not _THRESHOLD.fullmatch(threshold):
        return None, '@threshold is a number from 1 to 64, such as @threshold("2")'
    if principal not in _BOOLEANS:
        return None, '@principal_may_approve is "true" or "false"'
    if level not in tuple(ApprovalLevel):
        return None, f"@approval_level is one of {', '.join(ApprovalLevel)}"
    named = sorted({name.strip() for name in texts["approvers"].split(",")}) if "approvers" in texts else []
    try:
        if "approvers" in texts:
            ApprovalRequirement.of(named, int(threshold))
    except Malformed as error:
        return None, f"@approvers and @threshold: {error.detail}"
    return Consent(id, tuple(named), int(threshold), _BOOLEANS[principal], ApprovalLevel(level)), ""
