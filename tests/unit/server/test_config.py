from __future__ import annotations

import json

import pytest

from delegation.errors import ConfigError
from delegation.identity.port import Ceiling, Role
from delegation.server.config import load_config

MINIMAL = """
trust_domain = "acme.example"

[tls]
certificate = "tls/server.pem"
key = "tls/server.key"
client_ca = "tls/clients.pem"

[[identities]]
id = "spiffe://acme.example/orchestrator"
owner = "team-a"
roles = ["agent", "orchestrator"]
"""
ORCHESTRATOR = '[[identities]]\nid = "spiffe://acme.example/x"\nowner = "o"\nroles = ["orchestrator"]\n'
APPROVER = '[[identities]]\nid = "spiffe://dev.internal/ann"\nowner = "o"\nroles = ["approver"]\n'
APPROVAL_KEY = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
"""Of RFC 8032 section 7.1."""


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))


@pytest.fixture
def write(tmp_path):
    def write(text):
        (tmp_path / "d.toml").write_text(text)
        return tmp_path / "d.toml"

    return write


def refusal(file=None, **given):
    with pytest.raises(ConfigError) as refused:
        load_config(file, **given)
    message = str(refused.value)
    assert "\n" not in message
    assert "Value error" not in message
    assert "pydantic" not in message
    return message


def test_a_minimal_file_gives_a_whole_configuration(write, tmp_path):
    config = load_config(write(MINIMAL))
    assert str(config.listen) == "127.0.0.1:7443"
    assert config.trust_domain == "acme.example"
    assert config.tls.certificate == tmp_path / "tls" / "server.pem"
    assert config.state_dir == tmp_path / "home" / "delegation"
    assert config.database_path == tmp_path / "home" / "delegation" / "delegation.sqlite3"
    assert config.keys_directory == tmp_path / "home" / "delegation" / "keys"
    assert config.grants.default_lifetime_ms == 15 * 60 * 1000
    assert config.grants.max_lifetime_ms == 24 * 60 * 60 * 1000
    (caller,) = config.callers()
    assert caller.id == "spiffe://acme.example/orchestrator"
    assert caller.roles == {Role.AGENT, Role.ORCHESTRATOR}
    assert caller.owner == "team-a"
    assert caller.ceiling == Ceiling.NOTHING
    assert not caller.audiences


def test_development_needs_no_file_and_keeps_its_state_where_it_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = load_config(dev=True)
    assert config.dev
    assert config.trust_domain == "dev.internal"
    assert config.state_dir == tmp_path / ".delegation"
    assert config.tls is None
    assert config.callers() == ()


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:7443", "localhost:7443", "unix:/run/d.sock"])
def test_development_listens_on_this_machine(listen):
    assert str(load_config(dev=True, listen=listen).listen) == listen


@pytest.mark.parametrize("listen", ["0.0.0.0:7443", "[::]:7443", "10.0.0.1:1", "host.example:1"])
def test_development_refuses_to_be_reachable_from_outside(listen):
    assert "--dev listens on this machine only" in refusal(dev=True, listen=listen)


def test_without_anything_it_refuses_to_start():
    assert refusal().startswith("configuration: tls is missing: set tls.certificate")


@pytest.mark.parametrize(
    ("removed", "says"),
    [
        (MINIMAL[MINIMAL.index("[tls]") : MINIMAL.index("[[identities]]")], "tls is missing"),
        (MINIMAL[MINIMAL.index("[[identities]]") :], "identities is missing"),
        ('trust_domain = "acme.example"', "trust_domain is missing"),
        ('key = "tls/server.key"', "tls.key is missing: set it"),
        ('owner = "team-a"', "identities[0].owner is missing: set it"),
        ('roles = ["agent", "orchestrator"]', "identities[0].roles is missing: set it"),
    ],
)
def test_without_tls_or_identities_it_refuses_and_says_what_is_missing(write, removed, says):
    file = write(MINIMAL.replace(removed, ""))
    message = refusal(file)
    assert message.startswith(f"{file}: ")
    assert says in message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('lisen = "x:1"', "lisen is not a setting: did you mean listen?"),
        ("[limits]\nqueue_size = 3", "limits.queue_size is not a setting"),
        ("[tls]\ncertifcate = 1", "tls.certifcate is not a setting: did you mean certificate?"),
        ("zzz = 1", "zzz is not a setting: remove it"),
        ('listen = "nowhere"', "listen is refused: not an address to listen on"),
        ("listen = 7443", "listen is refused"),
        ('trust_domain = "Acme"', "trust_domain is refused: not a trust domain"),
        ("[limits]\nqueue_capacity = 0", "limits.queue_capacity is refused"),
        ("[grants]\nmax_lifetime_ms = 86400001", "grants.max_lifetime_ms is refused"),
        (
            "[grants]\nmax_lifetime_ms = 60000\ndefault_lifetime_ms = 60001",
            "default_lifetime_ms is more than max_lifetime_ms",
        ),
        ("[feed]\nheartbeat_ms = 30000", "feed.heartbeat_ms is refused"),
        ("identities = 3", "identities is refused"),
        (
            '[[identities]]\nid = "planner"\nowner = "o"\nroles = ["agent"]',
            "identities[0].id is refused: not the SPIFFE",
        ),
        ('[[identities]]\nid = "spiffe://a/x"\nowner = ""\nroles = ["agent"]', "identities[0].owner is refused"),
        ('[[identities]]\nid = "spiffe://a/x"\nowner = "o"\nroles = ["boss"]', "identities[0].roles"),
        ('[[identities]]\nid = "spiffe://a/x"\nowner = "o"\nroles = []', "identities[0].roles is refused"),
        (
            '[[identities]]\nid = "spiffe://a/x"\nowner = "o"\nroles = ["agent"]\naudiences = ["files"]',
            "only a tool speaks for audiences",
        ),
        (
            '[[identities]]\nid = "spiffe://a/x"\nowner = "o"\nroles = ["agent"]\nceiling = "any"',
            "only an orchestrator has a ceiling",
        ),
        (
            f'[[identities]]\nid = "spiffe://a/x"\nowner = "o"\nroles = ["agent"]\napproval_keys = ["{APPROVAL_KEY}"]',
            "only an approver has approval_keys",
        ),
        (APPROVER + f'approval_keys = ["{APPROVAL_KEY[:-2]}"]', "it is no Ed25519 public key in hexadecimal"),
        (APPROVER + f'approval_keys = ["{"00" * 32}"]', "it is no Ed25519 public key in hexadecimal"),
        (APPROVER + 'approval_keys = ["ann"]', "it is no Ed25519 public key in hexadecimal"),
        (
            APPROVER + f'approval_keys = ["{APPROVAL_KEY}", "{APPROVAL_KEY.upper()}"]',
            "lists a key of approval_keys twice",
        ),
        (
            APPROVER
            + f'approval_keys = ["{APPROVAL_KEY}"]\n'
            + APPROVER.replace("ann", "ben")
            + f'approval_keys = ["{APPROVAL_KEY}"]',
            "who has it would be two approvers",
        ),
        (ORCHESTRATOR + 'principals = ["p"]', "identities[0].principals"),
        (ORCHESTRATOR + 'ceiling = "everything"', 'identities[0].ceiling is refused: write "any"'),
        (ORCHESTRATOR + 'ceiling = {audiences = "files"}', "identities[0].ceiling is refused: write { audiences"),
        (ORCHESTRATOR + 'ceiling = {audiences = [""]}', "identities[0].ceiling is refused: write { audiences"),
        (ORCHESTRATOR + 'ceiling = {tools = ["read"]}', "identities[0].ceiling is refused: write { audiences"),
        (ORCHESTRATOR + "ceiling = [3]", 'identities[0].ceiling is refused: write "any"'),
        (ORCHESTRATOR + 'ceiling = [{audience = "files"}]', "identities[0].ceiling is refused"),
        (
            ORCHESTRATOR + 'ceiling = [{audience = "f", tool = "r", arguments = {a = {likes = 1}}}]',
            "identities[0].ceiling is refused",
        ),
        ("a = 1\nb = 2\nc = 3", "(and 2 more)"),
        ('[policy]\nfile = "p.cedar"\ndecision_point = "https://p/e"', "both say who decides: remove one of them"),
        ('[policy]\ndecision_point_token_file = "t"', "are for a decision_point: set it"),
        (
            '[policy]\ndecision_point = "http://p/e"',
            "policy.decision_point is refused: a decision point has an https://",
        ),
        (
            '[policy]\ndecision_point = "https://p/e"\ndecision_point_timeout_ms = 1',
            "decision_point_timeout_ms is refused",
        ),
    ],
)
def test_a_wrong_setting_is_one_line_with_file_key_and_what_to_do(write, text, says):
    file = write(f"dev = true\n{text}" if not text.startswith("dev") else text)
    message = refusal(file)
    assert message.startswith(f"{file}: ")
    assert says in message


def test_an_identity_of_another_trust_domain_is_refused(write):
    text = MINIMAL.replace("spiffe://acme.example/o", "spiffe://other.example/o")
    assert "not of acme.example" in refusal(write(text))


def test_an_identity_listed_twice_is_refused(write):
    entry = MINIMAL[MINIMAL.index("[[identities]]") :]
    assert "twice" in refusal(write(MINIMAL + entry))


def test_a_ceiling_may_be_all_of_some_audiences_and_is_shown_so(write):
    config = load_config(write(MINIMAL + 'ceiling = { audiences = ["search", "files"] }'))
    assert config.callers()[0].ceiling == Ceiling(audiences=frozenset({"files", "search"}))
    assert config.shown()["identities"][0]["ceiling"] == {"audiences": ["files", "search"]}


def test_ceilings_and_audiences_reach_the_callers(write):
    text = (
        MINIMAL
        + 'ceiling = [{audience = "files", tool = "read", arguments = {path = {under = "/data"}}}]\n'
        + '[[identities]]\nid = "spiffe://acme.example/root"\nowner = "o"\nroles = ["orchestrator"]\nceiling = "any"\n'
        + '[[identities]]\nid = "spiffe://acme.example/t"\nowner = "o"\nroles = ["tool"]\naudiences = ["files"]\n'
    )
    first, second, third = load_config(write(text)).callers()
    assert first.ceiling.scope is not None
    assert first.ceiling.scope.find("files", "read") is not None
    assert first.ceiling.scope.find("files", "write") is None
    assert second.ceiling is Ceiling.UNLIMITED
    third.require_audience("files")


def test_the_environment_is_over_the_file_and_the_command_line_over_both(write, monkeypatch):
    file = write('dev = true\nlisten = "127.0.0.1:1"\n[limits]\ndrain_ms = 1\nqueue_capacity = 5\n')
    assert str(load_config(file).listen) == "127.0.0.1:1"
    monkeypatch.setenv("DELEGATION_LISTEN", "127.0.0.1:2")
    monkeypatch.setenv("DELEGATION_LIMITS__DRAIN_MS", "2")
    config = load_config(file)
    assert str(config.listen) == "127.0.0.1:2"
    assert (config.limits.drain_ms, config.limits.queue_capacity) == (2, 5)
    assert str(load_config(file, listen="127.0.0.1:3").listen) == "127.0.0.1:3"
    assert str(load_config(file, listen=None).listen) == "127.0.0.1:2"


def test_the_file_can_be_named_by_the_environment(write, monkeypatch):
    monkeypatch.setenv("DELEGATION_CONFIG", str(write("dev = true\n[limits]\ndrain_ms = 7")))
    assert load_config().limits.drain_ms == 7


def test_identities_can_come_from_the_environment(monkeypatch):
    entry = {"id": "spiffe://dev.internal/x", "owner": "o", "roles": ["agent"]}
    monkeypatch.setenv("DELEGATION_IDENTITIES", json.dumps([entry]))
    assert load_config(dev=True).callers()[0].id == "spiffe://dev.internal/x"


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("DELEGATION_LISTEN", "nowhere", "environment variable DELEGATION_LISTEN: listen is refused"),
        ("DELEGATION_LIMITS__DRAIN_MS", "soon", "environment variable DELEGATION_LIMITS__DRAIN_MS"),
        ("DELEGATION_TLS__CERTIFCATE", "x", "DELEGATION_TLS__CERTIFCATE: tls.certifcate is not a setting"),
        ("DELEGATION_IDENTITIES", "{not json", "write lists and tables as JSON"),
        ("DELEGATION_IDENTITIES", '[{"id": 3}]', "environment variable DELEGATION_IDENTITIES"),
        ("DELEGATION_DEV", "perhaps", "environment variable DELEGATION_DEV"),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch, variable, value, says):
    monkeypatch.setenv(variable, value)
    assert says in refusal()


def test_a_wrong_command_line_is_named():
    assert refusal(dev=True, listen="x").startswith("command line: listen")


def test_other_variables_of_the_project_are_none_of_its_business(monkeypatch):
    monkeypatch.setenv("DELEGATION_TARGET", "127.0.0.1:1")
    monkeypatch.setenv("DELEGATION_KEY_PASSPHRASE", "secret")
    assert load_config(dev=True).dev


@pytest.mark.parametrize("content", [b"dev = ", b"\xff\xfe", b"a = 1\na = 2\n"])
def test_a_file_that_is_not_toml_is_one_line(tmp_path, content):
    (tmp_path / "d.toml").write_bytes(content)
    assert "is not TOML" in refusal(tmp_path / "d.toml")


def test_a_missing_file_is_one_line(tmp_path):
    assert "does not exist" in refusal(tmp_path / "d.toml")


def test_a_directory_in_place_of_the_file_is_one_line(tmp_path):
    assert "cannot read" in refusal(tmp_path)


def test_what_is_shown_is_complete_plain_and_without_secrets(write, monkeypatch):
    monkeypatch.setenv("DELEGATION_KEY_PASSPHRASE", "horse-staple")
    text = MINIMAL + 'ceiling = [{audience = "files", tool = "read", arguments = {path = {under = "/data"}}}]\n'
    config = load_config(write(text))
    shown = json.dumps(config.shown())
    assert "horse-staple" not in shown
    assert config.shown()["listen"] == "127.0.0.1:7443"
    assert config.shown()["identities"][0]["roles"] == ["agent", "orchestrator"]
    assert config.shown()["identities"][0]["ceiling"][0]["tool"] == "read"
    assert config.shown()["database"]["path"].endswith("delegation.sqlite3")


@pytest.mark.parametrize("url", ["https://ann:hunter2@p/e", "https://p/e?token=hunter2", "https://p/e#hunter2"])
def test_an_address_of_a_decision_point_holds_no_secret_and_none_is_shown(write, url):
    assert "hunter2" not in refusal(write(f'dev = true\n[policy]\ndecision_point = "{url}"\n'))


def test_of_a_decision_point_the_address_is_shown_and_where_the_token_is(write, tmp_path):
    (tmp_path / "token").write_text("hunter2")
    text = 'dev = true\n[policy]\ndecision_point = "https://p/e"\ndecision_point_token_file = "token"\n'
    config = load_config(write(text))
    shown = config.shown()["policy"]
    assert shown["decision_point"] == "https://p/e"
    assert shown["decision_point_token_file"] == str(config.policy.decision_point_token_file)
    assert "hunter2" not in json.dumps(config.shown())
    assert load_config(None, **config.shown()).shown() == config.shown()


def test_what_is_shown_is_a_configuration_that_says_the_same(write):
    config = load_config(write(MINIMAL + 'ceiling = "any"\n'))
    assert load_config(None, **config.shown()).shown() == config.shown()


def test_errors_never_show_the_value_that_was_refused(write):
    assert "hunter2" not in refusal(write('dev = true\n[limits]\nqueue_capacity = "hunter2"\n'))
    assert "hunter2" not in refusal(write('dev = true\n[tls]\npassphrase = "hunter2"\n'))
