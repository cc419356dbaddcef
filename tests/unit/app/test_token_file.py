"""A bearer token in a file: the one that is there now, and nothing that is none."""

from __future__ import annotations

import pytest

from delegation.app.token_file import TOKEN_BYTES, TokenFile
from delegation.errors import ConfigError


def test_the_token_is_the_one_that_is_there_now(tmp_path):
    file = tmp_path / "token"
    file.write_text("one\n")
    token = TokenFile(file, "a.setting")
    assert token() == "one"
    (tmp_path / "next").write_text("two")
    (tmp_path / "next").rename(file)
    assert token() == "two"
    file.write_text("three-is-longer")
    assert token() == "three-is-longer"


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"two words", b"a\nb", b"a\r\nx-header: 1", b"caf\xc3\xa9", b"\xff", b"a" * (TOKEN_BYTES + 1), b"a=b"],
    ids=["empty", "blank", "words", "lines", "a header", "no ASCII", "no text", "long", "padding within"],
)
def test_what_is_no_token_is_told_without_it(tmp_path, content):
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as told:
        TokenFile(file, "a.setting")
    assert str(told.value) == f"a.setting: {file} holds no bearer token: give it in one line"


def test_a_file_that_is_gone_gives_no_former_token(tmp_path):
    file = tmp_path / "token"
    file.write_text("one")
    token = TokenFile(file, "a.setting")
    file.unlink()
    with pytest.raises(ConfigError, match="cannot read"):
        token()
    file.write_text("one")
    assert token() == "one"
