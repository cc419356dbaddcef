from __future__ import annotations

import os
import stat

import pytest

from delegation.errors import ConfigError
from delegation.private_files import create_private, make_private_directory, read_private, write_private


def test_a_written_file_is_its_owners_alone_whatever_the_umask_says(tmp_path):
    before = os.umask(0)
    try:
        write_private(tmp_path / "written", b"secret")
        create_private(tmp_path / "created", b"secret")
        make_private_directory(tmp_path / "directory")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "written").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "created").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "directory").stat().st_mode) == 0o700
    assert read_private(tmp_path / "written", max_bytes=6) == b"secret"


def test_writing_replaces_a_file_and_leaves_nothing_else_behind(tmp_path):
    write_private(tmp_path / "file", b"old")
    write_private(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_writing_over_a_file_that_others_may_read_takes_it_from_them(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "file").chmod(0o644)
    write_private(tmp_path / "file", b"new")
    assert read_private(tmp_path / "file", max_bytes=3) == b"new"


def test_creating_never_overwrites_and_leaves_nothing_behind(tmp_path):
    create_private(tmp_path / "file", b"first")
    with pytest.raises(ConfigError, match="never overwritten"):
        create_private(tmp_path / "file", b"second")
    assert (tmp_path / "file").read_bytes() == b"first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_creating_does_not_follow_a_dangling_link(tmp_path):
    (tmp_path / "file").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="never overwritten"):
        create_private(tmp_path / "file", b"secret")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o777])
def test_a_file_open_to_others_is_refused_with_what_to_do(tmp_path, mode):
    write_private(tmp_path / "file", b"secret")
    (tmp_path / "file").chmod(mode)
    with pytest.raises(ConfigError, match=r"chmod 600") as refused:
        read_private(tmp_path / "file", max_bytes=100)
    assert "secret" not in str(refused.value)


def test_a_file_of_another_user_is_refused(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    write_private(tmp_path / "file", b"secret")
    os.chown(tmp_path / "file", 65534, 65534)
    with pytest.raises(ConfigError, match="belongs to another user"):
        read_private(tmp_path / "file", max_bytes=100)


def test_a_pipe_in_place_of_a_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "file", 0o600)
    with pytest.raises(ConfigError, match="not a plain file"):
        read_private(tmp_path / "file", max_bytes=100)


def test_a_directory_in_place_of_a_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="not a plain file"):
        read_private(tmp_path, max_bytes=100)


def test_a_file_may_be_as_large_as_said_and_no_larger(tmp_path):
    write_private(tmp_path / "file", bytes(100))
    assert len(read_private(tmp_path / "file", max_bytes=100)) == 100
    with pytest.raises(ConfigError, match="larger than 99 bytes"):
        read_private(tmp_path / "file", max_bytes=99)


def test_what_cannot_be_read_or_written_is_one_line(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for attempt in (
        lambda: read_private(tmp_path / "missing", max_bytes=1),
        lambda: read_private(tmp_path / "file" / "below", max_bytes=1),
        lambda: write_private(tmp_path / "missing" / "file", b""),
        lambda: create_private(tmp_path / "missing" / "file", b""),
        lambda: make_private_directory(tmp_path / "file" / "below"),
    ):
        with pytest.raises(ConfigError) as refused:
            attempt()
        assert "\n" not in str(refused.value)
