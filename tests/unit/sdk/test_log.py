"""What the SDK says of a defect: enough to find it, and nothing that anybody sent."""

from __future__ import annotations

import re

import pytest

from delegation_sdk.lifetimes import lifetime_ms
from delegation_sdk.log import defect

SECRET = "secret-7f3a"


def test_the_last_place_in_our_own_code_is_named_whoever_raised():
    with pytest.raises(TypeError) as caught:
        lifetime_ms([SECRET])  # type: ignore[arg-type] # `re` raises, called by us
    assert re.fullmatch(r"a defect, TypeError at delegation_sdk\.lifetimes:[0-9]+", defect(caught.value))


def test_without_any_place_of_ours_its_type_alone_is_named():
    with pytest.raises(ValueError, match="invalid literal") as caught:
        int(SECRET)
    assert defect(caught.value) == "a defect, ValueError"
    assert defect(KeyError(SECRET)) == "a defect, KeyError"
