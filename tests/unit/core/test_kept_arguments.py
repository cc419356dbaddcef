"""What is kept of arguments: what the operator named, and nothing of anything else."""

from __future__ import annotations

import hashlib
from decimal import Decimal

import pytest

from delegation.core.arguments import Arguments
from delegation.core.kept_arguments import KEPT_BYTES, KeptArguments, digest_of_value
from delegation.core.trust import Recording
from delegation.errors import Malformed

CALL = bytes(range(16))
PLAIN, DIGEST = Recording.PLAIN, Recording.DIGEST
VALUES = Arguments.of({"path": "/srv/a", "amount": 12.5, "reader": "ada", "body": "secret"}).values


def kept(values=VALUES, *recorded):
    return KeptArguments.of(values, recorded or (("amount", PLAIN), ("path", PLAIN), ("reader", DIGEST)), CALL)


@pytest.mark.spec("T-36")
def test_only_what_is_named_is_kept_and_digests_in_place_of_values():
    some = kept()
    assert some.plain == {"amount": Decimal("12.5"), "path": "/srv/a"}
    assert set(some.digests) == {"reader"}
    assert some.dropped == 1
    assert not some.is_whole
    assert "secret" not in some.text()
    assert "ada" not in some.text()


@pytest.mark.spec("T-36")
def test_a_digest_is_the_calls_own_so_that_equal_values_do_not_show():
    assert digest_of_value(CALL, "reader", "ada") == hashlib.sha256(CALL + b"\0\0\0\x06reader" + b'"ada"').digest()
    assert digest_of_value(bytes(16), "reader", "ada") != digest_of_value(CALL, "reader", "ada")


def test_all_arguments_kept_as_they_are_make_a_whole():
    assert kept(VALUES, *((name, PLAIN) for name in VALUES)).is_whole
    assert kept({}, ("path", PLAIN)).is_whole


@pytest.mark.parametrize("values", [VALUES, {}, {"path": [{"a": None, "é": [True, -3]}]}, {"path": "\u202e\x1b[2J"}])
def test_what_was_kept_is_read_back(values):
    some = kept(values)
    assert KeptArguments.of_text(some.text()) == some
    assert KeptArguments.of_parts(some.plain_json, some.digests, some.dropped) == some


def test_values_that_are_too_long_to_keep_are_dropped_and_shorter_ones_beside_them_kept():
    some = kept({"amount": "x" * KEPT_BYTES, "path": "/srv/a"})
    assert (dict(some.plain), some.dropped) == ({"path": "/srv/a"}, 1)


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", "null", "[1,2,3]", "[" * 9999),
        *('["{}",{},-1]', '["[]",{},0]', '["{ }",{},0]', '["{}",{"a":"00"},0]'),
        '["{\\"a\\":1}",{"a":"' + "00" * 32 + '"},0]',
    ],
)
def test_what_this_has_not_written_is_malformed(text):
    with pytest.raises(Malformed):
        KeptArguments.of_text(text)


def test_no_value_shows_in_what_a_log_would_say():
    assert "srv" not in repr(kept())
