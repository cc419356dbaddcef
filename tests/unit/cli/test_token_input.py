"""Reading a token as people have it."""

from __future__ import annotations

import base64
import io
import sys

import pytest

from delegation.cli.token_input import read_token
from delegation.core.keys import SigningKey
from delegation.errors import ConfigError, Malformed, Reason
from delegation_sdk.delegation import Delegation
from support.chains import chain

TOKEN = chain("root -> planner").token
TEXT = base64.urlsafe_b64encode(TOKEN).decode()


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.rstrip("="),
        base64.b64encode(TOKEN).decode(),
        f"  {TEXT}\n",
        "\n".join(TEXT[start : start + 76] for start in range(0, len(TEXT), 76)),
        f"delegation:{TEXT.rstrip('=')}",
    ],
    ids=["padded", "unpadded", "standard alphabet", "with spaces", "in lines", "exported"],
)
def test_a_token_is_read_from_its_text(text):
    assert read_token(text) == TOKEN


def test_an_exported_delegation_is_read_without_its_key():
    made = chain("root -> planner")
    exported = Delegation(TOKEN, made.leaf_key).export_with_key()
    assert read_token(exported) == TOKEN
    assert isinstance(made.leaf_key, SigningKey)


@pytest.mark.parametrize("content", [TOKEN, TEXT.encode(), TEXT.encode() + b"\n"], ids=["raw", "text", "a line"])
def test_a_token_is_read_from_a_file(tmp_path, content):
    (tmp_path / "token").write_bytes(content)
    assert read_token(f"@{tmp_path / 'token'}") == TOKEN


def test_a_token_is_read_from_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
    assert read_token("-") == TOKEN


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read .*nothing: No such file"):
        read_token(f"@{tmp_path / 'nothing'}")


def test_what_is_no_token_is_refused_without_being_shown():
    with pytest.raises(Malformed) as refused:
        read_token("not a token: s3cret!")
    assert refused.value.reason is Reason.MALFORMED
    assert "s3cret" not in str(refused.value)


def test_an_endless_file_is_refused_after_what_a_token_may_have(tmp_path):
    (tmp_path / "token").write_bytes(b"\xff" * 200_000)
    with pytest.raises(Malformed) as refused:
        read_token(f"@{tmp_path / 'token'}")
    assert refused.value.reason is Reason.TOKEN_TOO_LARGE


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "token").write_bytes(b" \n")
    with pytest.raises(Malformed, match="nothing to read"):
        read_token(f"@{tmp_path / 'token'}")
