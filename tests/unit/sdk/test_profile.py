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


# -- who the client is, in one way and in one way only --------------------------------------------------------

FILES = {"ca": None, "certificate": None, "key": None}
TOKEN = {**FILES, "token_file": "token", "agent": "spiffe://acme.example/ci"}
SOCKET = {"SPIFFE_ENDPOINT_SOCKET": "unix:///run/agent.sock"}


def test_the_workload_api_gives_the_certificate(write):
    profile = Profile.load(write(**FILES, workload_api="unix:/run/agent.sock"), environment={})
    assert (profile.workload_api, profile.certificate) == ("unix:/run/agent.sock", None)


def test_a_profile_without_a_certificate_finds_the_workload_api_as_every_workload_does(write):
    assert Profile.load(write(**FILES), environment=SOCKET).workload_api == "unix:///run/agent.sock"
    assert Profile.load(write(), environment=SOCKET).workload_api is None
    assert Profile.load(write(**TOKEN), environment=SOCKET).workload_api is None


def test_a_token_file_is_read_anew_when_it_has_changed(write, tmp_path):
    profile = Profile.load(write(**TOKEN), environment={})
    (tmp_path / "token").write_text("first\n")
    assert profile.token() == "first"
    (tmp_path / "new").write_text("second")
    (tmp_path / "new").rename(tmp_path / "token")
    assert profile.token() == "second"
    assert profile.agent() == "spiffe://acme.example/ci"
    assert "second" not in repr(profile)


@pytest.mark.parametrize("content", [b"", b" \n", b"two words", b"\xff\xfe", b"x" * 20_000, b"a\nb"], ids=range(6))
def test_a_file_that_holds_no_token_is_named(write, tmp_path, content):
    profile = Profile.load(write(**TOKEN), environment={})
    with pytest.raises(ConfigError, match="cannot read the token file"):
        profile.token()
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(ConfigError, match="holds no token") as caught:
        profile.token()
    assert "two words" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({**FILES}, "ca is missing"),
        ({"key": None}, "key is missing"),
        ({"token_file": "token", "agent": "x:y"}, "certificate does not go with token_file"),
        ({**FILES, "token_file": "token"}, "agent is missing"),
        ({"workload_api": "unix:/x"}, "ca does not go with workload_api"),
        ({**TOKEN, "workload_api": "unix:/x"}, "token_file does not go with workload_api"),
        ({"agent": "x:y"}, "agent does not go with certificate"),
        ({"service_trust_domain": "x"}, "service_trust_domain does not go with certificate"),
    ],
    ids=range(8),
)
def test_two_ways_at_once_or_none_are_refused(write, changes, complaint):
    with pytest.raises(ConfigError, match=complaint):
        Profile.load(write(**changes), environment={})


def test_a_program_can_bring_its_own_tokens(write):
    profile = Profile.load(write(), environment={}).with_token(lambda: "token", agent="spiffe://acme.example/ci")
    assert (profile.certificate, profile.token(), profile.agent()) == (None, "token", "spiffe://acme.example/ci")
