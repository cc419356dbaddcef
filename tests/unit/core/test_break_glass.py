"""Break-glass statements: what is signed is what is opened, and the age of the feed is all that they change.

Which statements are refused and which calls they concern, the conformance vectors say.
"""

from __future__ import annotations

import pytest

from delegation.core.attest import open_break_glass, sign_break_glass
from delegation.core.break_glass import ALL_EFFECTS, BreakGlass, effects_of
from delegation.core.keys import SigningKey
from delegation.core.trust import CatalogueTool, Effect, KeyPurpose, TrustBundle, TrustedKey
from delegation.errors import BadStatement

NOW_MS = 1_790_000_000_000
ROOT, OPERATOR = SigningKey(bytes(31) + b"\x01"), SigningKey(bytes(31) + b"\x02")
TRUST = TrustBundle("x", 1, 1, 2**50, (TrustedKey(KeyPurpose.BREAK_GLASS, OPERATOR.public, 1),))
ORDER = BreakGlass(
    ("files",), "INC-7", NOW_MS, NOW_MS + 60_000, "ann", bytes(16), frozenset({Effect.READ}), 600_000, single_use=True
)


@pytest.mark.spec("B-1")
@pytest.mark.parametrize("key", [ROOT, OPERATOR], ids=["root", "listed"])
def test_what_is_signed_is_what_is_opened(key: SigningKey):
    assert open_break_glass(sign_break_glass(ORDER, key), TRUST, ROOT.public, now_ms=NOW_MS) == ORDER


@pytest.mark.spec("B-1")
def test_a_key_that_nobody_lists_signs_none():
    signed = sign_break_glass(ORDER, SigningKey(bytes(32)))
    with pytest.raises(BadStatement, match="statement_invalid"):
        open_break_glass(signed, TRUST, ROOT.public, now_ms=NOW_MS)


@pytest.mark.spec("B-3")
def test_a_tool_that_is_not_listed_has_every_effect():
    assert effects_of(None) == ALL_EFFECTS == set(Effect)
    assert effects_of(CatalogueTool("files", "read", frozenset({Effect.READ}))) == {Effect.READ}
