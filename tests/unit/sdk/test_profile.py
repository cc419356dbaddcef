from __future__ import annotations

import base64

import pytest

from delegation.errors import ConfigError
from delegation_sdk import Profile

ROOT = bytes(range(32))
SETTINGS = {
    "target": "127.0.0.1:7443",
    "ca": "ca.pem",
    "certificate": "client.pem",
    "key": "keys/client.key",
    "trust_root": base64.urlsafe_b64encode(ROOT).rstrip(b"=").decode(),
}


@pytest.fixture
def write(tmp_path):
    def write(**changes):
        path = tmp_path / "profile.toml"
        settings = {name: value for name, value in (SETTINGS | changes).items() if value is not None}
        path.write_text("".join(f"{name} = {value!r}\n" for name, value in settings.items()))
        return path

    return write


def test_paths_are_relative_to_the_file(write, tmp_path):
    profile = Profile.load(write(server_name="delegation.local"))

    assert profile.target == "127.0.0.1:7443"
    assert profile.trust_root == ROOT
    assert profile.key == tmp_path / "keys/client.key"
    assert profile.server_name == "delegation.local"


def test_the_profile_given_comes_before_the_one_of_the_environment(write, tmp_path):
    environment = {"DELEGATION_PROFILE": str(tmp_path / "nowhere.toml")}

    assert Profile.find(write(), environment=environment).target == "127.0.0.1:7443"


def test_the_environment_names_the_profile_and_overrides_its_target(write):
    environment = {"DELEGATION_PROFILE": str(write()), "DELEGATION_TARGET": "unix:/run/d.sock"}

    assert Profile.find(environment=environment).target == "unix:/run/d.sock"


def test_the_profile_of_the_working_directory_is_found(write, tmp_path, monkeypatch):
    path = write()
    (tmp_path / ".delegation").mkdir()
    path.rename(tmp_path / ".delegation" / "profile.toml")
    monkeypatch.chdir(tmp_path)

    assert Profile.find(environment={}).target == "127.0.0.1:7443"


def test_without_a_profile_one_line_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigError, match="set DELEGATION_PROFILE") as caught:
        Profile.find(environment={})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"target": None}, "target is missing"),
        ({"trust_root": "AAAA"}, "trust_root must be 32 bytes"),
        ({"trust_root": "!" * 43}, "trust_root must be 32 bytes"),
        ({"ca": 5}, "ca must be a text"),
        ({"targett": "x"}, "unknown setting 'targett'"),
    ],
)
def test_a_wrong_setting_is_named(write, changes, complaint):
    with pytest.raises(ConfigError, match=complaint):
        Profile.load(write(**changes))


def test_a_file_that_is_not_toml_is_refused(tmp_path):
    path = tmp_path / "profile.toml"
    path.write_text("target = ")

    with pytest.raises(ConfigError, match="is not TOML"):
        Profile.load(path)
