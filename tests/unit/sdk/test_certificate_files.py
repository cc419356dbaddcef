"""A client's certificate files: followed as they rotate, and never half of a rotation."""

from __future__ import annotations

import pytest

from certificates import TestCa
from delegation.errors import ConfigError
from delegation_sdk.certificate_files import LOOK_EVERY_S, CertificateFiles

PLANNER = "spiffe://test.example/agent/planner"


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    def pass_(self) -> None:
        self.now_s += LOOK_EVERY_S


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ca():
    return TestCa.create()


@pytest.fixture
def paths(tmp_path, ca):
    found = tmp_path / "ca.pem", tmp_path / "client.pem", tmp_path / "client.key"
    found[0].write_bytes(ca.pem)
    write(found, ca.issue(PLANNER))
    return found


@pytest.fixture
def files(paths, clock):
    return CertificateFiles(*paths, monotonic=clock)


def write(paths, issued):
    paths[1].write_bytes(issued.certificate)
    paths[2].write_bytes(issued.key)


def test_a_rotation_is_followed_within_a_second_and_not_looked_for_more_often(files, paths, ca, clock):
    first, issued = files.latest, ca.issue(PLANNER)
    write(paths, issued)
    assert files.latest is first
    clock.pass_()
    second = files.latest
    assert (second.certificate, second.key) == (issued.certificate, issued.key)
    clock.pass_()
    assert files.latest is second


def test_what_is_written_again_as_it_was_is_no_rotation(files, paths, clock):
    first = files.latest
    for path in paths:
        path.write_bytes(path.read_bytes())
    clock.pass_()
    assert files.latest is first


def test_half_a_rotation_is_passed_over_and_its_other_half_taken(files, paths, ca, clock, caplog):
    first, issued = files.latest, ca.issue(PLANNER)
    paths[2].write_bytes(issued.key)
    for _ in range(3):
        clock.pass_()
        assert files.latest is first
    assert caplog.text.count("the key is not the certificate's") == 1
    paths[1].write_bytes(issued.certificate)
    clock.pass_()
    assert files.latest.certificate == issued.certificate


@pytest.mark.parametrize("index", [0, 1, 2])
def test_files_that_are_none_are_passed_over(files, paths, clock, caplog, index):
    first = files.latest
    for content in (b"", b"-----BEGIN", b"\xff" * 99):
        paths[index].write_bytes(content)
        clock.pass_()
        assert files.latest is first
    assert "cannot be used" in caplog.text


def test_files_that_are_gone_for_a_moment_are_waited_for(files, paths, ca, clock):
    first, issued = files.latest, ca.issue(PLANNER)
    for path in paths[1:]:
        path.unlink()
    clock.pass_()
    assert files.latest is first
    write(paths, issued)
    clock.pass_()
    assert files.latest.certificate == issued.certificate


def test_a_certificate_of_somebody_else_is_not_taken(files, paths, ca, clock, caplog):
    first = files.latest
    write(paths, ca.issue("spiffe://test.example/agent/other"))
    clock.pass_()
    assert files.latest is first
    assert "names somebody else" in caplog.text


def test_the_services_ca_is_followed_too_with_a_certificate_and_with_a_token(files, paths, clock):
    alone = CertificateFiles(paths[0], None, None, monotonic=clock)
    assert alone.latest.certificate is None
    other = TestCa.create()
    paths[0].write_bytes(other.pem)
    clock.pass_()
    assert files.latest.ca == alone.latest.ca == other.pem


def test_no_text_shows_a_key(files):
    assert repr(files.latest) == "Certificates()"


def test_a_file_that_is_missing_at_the_start_is_said(paths):
    paths[1].unlink()
    with pytest.raises(ConfigError, match=r"cannot read .*client\.pem"):
        CertificateFiles(*paths)
