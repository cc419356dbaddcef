"""The server itself: who gets in, what it keeps over a restart, how it goes away, and how it says what is wrong."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from threading import Thread

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from certificates import now
from delegation.app import build, create_root_key, create_service_keys, sign_bundle_file
from delegation.app.development import development_ca, development_tls
from delegation.core.codec import decode_bundle
from delegation.core.scope import any_call
from delegation.errors import (
    ConfigError,
    InvalidRequest,
    Overloaded,
    Reason,
    ServiceUnavailable,
    StorageError,
    Unauthenticated,
)
from delegation.identity.dev_ca import DevelopmentCa, open_or_create_ca
from delegation.server.config import load_config
from delegation.signing.sealed_file import SealedFiles
from delegation.signing.sealed_format import ScryptCost
from delegation.v1 import trust_service_pb2 as pb
from delegation.wire.errors import error_of_call
from support.caller import Caller, nonce
from support.policies import PERMIT
from support.server import TRUST_DOMAIN, dev_config, identity, running_application, running_server, spiffe_id
from support.unread import unread_stream

READ = any_call("files", "read")
PASSPHRASE = b"correct horse"
CHEAP = ScryptCost(log2_n=10)


def bundle_version(caller):
    return decode_bundle(caller.trust_documents().bundle.payload).version


# -- who gets in


def test_nobody_gets_in_without_a_certificate(server):
    ca = tomllib.loads(server.profile().read_text())["ca"]
    credentials = grpc.ssl_channel_credentials((server.profile().parent / ca).read_bytes())
    with (
        grpc.secure_channel(server.target, credentials, options=server.channel_options) as channel,
        pytest.raises(ServiceUnavailable),
    ):
        Caller(channel).trust_documents()


def test_nobody_gets_in_with_a_certificate_of_another_ca(server):
    mine = tomllib.loads(server.profile().read_text())
    issued = DevelopmentCa.create(TRUST_DOMAIN, now=now()).issue(spiffe_id("developer"), now=now())
    credentials = grpc.ssl_channel_credentials(
        (server.profile().parent / mine["ca"]).read_bytes(), issued.key, issued.certificate
    )
    with (
        grpc.secure_channel(server.target, credentials, options=server.channel_options) as channel,
        pytest.raises(ServiceUnavailable),
    ):
        Caller(channel).trust_documents()


def test_nobody_gets_in_without_tls(server):
    with (
        grpc.insecure_channel(server.target, options=server.channel_options) as channel,
        pytest.raises(ServiceUnavailable),
    ):
        Caller(channel).trust_documents()


def test_outside_development_whoever_is_not_listed_is_refused(tmp_path):
    with (
        running_application(production(tmp_path)) as server,
        server_channel(tmp_path, server, "agent/stranger") as who,
        pytest.raises(Unauthenticated),
    ):
        who.trust_documents()


def test_outside_development_whoever_is_listed_is_served(tmp_path):
    with running_application(production(tmp_path)) as server, server_channel(tmp_path, server, "agent/planner") as who:
        assert who.decide(who.grant(READ), "files", "read", {}).refusal is None


def test_a_hundred_get_in_at_the_same_moment(server):
    channels = [
        grpc.secure_channel(server.target, server.credentials("agent/planner"), options=server.channel_options)
        for _ in range(100)
    ]
    try:
        calls = [
            Caller(channel).trust.GetTrustBundle.future(pb.GetTrustBundleRequest(), timeout=20) for channel in channels
        ]
        assert all(call.result().bundle.payload for call in calls)
    finally:
        for channel in channels:
            channel.close()


# -- restarts


def test_a_restart_on_the_same_state_knows_everything_again(tmp_path):
    with running_server(tmp_path) as server, Caller.of(server, "agent/planner") as planner:
        profile, root = server.profile("agent/planner"), server.trust_root
        task, over = planner.grant(READ), planner.grant(READ)
        child = planner.hand_off(task, "agent/reader")
        planner.complete(over)
        used = child.question("files", "read", {})
        decision = planner.decide_question(used)
        version = bundle_version(planner)
    assert profile.exists()
    with running_server(tmp_path) as server, Caller.of(server, "agent/planner") as planner:
        assert server.trust_root == root
        assert bundle_version(planner) == version
        assert planner.decide(child, "files", "read", {}).refusal is None
        assert planner.decide(over, "files", "read", {}).refusal.reason is Reason.TASK_ENDED
        assert planner.decide_question(used).call_id == decision.call_id
        assert planner.decide_question(replace(used, attempt=nonce())).refusal.reason is Reason.PROOF_REPLAYED
        assert planner.hand_off(child, "agent/summary")


def test_a_changed_catalogue_gets_a_new_bundle_in_development(tmp_path):
    catalogue = tmp_path / "tools.toml"
    catalogue.write_text('[[tool]]\naudience = "files"\nname = "read"\nowner = "t"\neffects = ["read"]\nlocal = true\n')
    state = tmp_path / "state"
    with running_server(state) as server, Caller.of(server, "agent/planner") as planner:
        before = bundle_version(planner)
    with running_server(state, catalogue=catalogue) as server, Caller.of(server, "agent/planner") as planner:
        documents = planner.trust_documents()
        assert bundle_version(planner) == before + 1
        assert documents.catalogue


# -- load and limits


def test_a_message_larger_than_the_limit_is_refused(planner):
    with pytest.raises(InvalidRequest):
        planner.decide(planner.grant(READ), "files", "read", {}, arguments_json=bytes(5 * 1024 * 1024))


def test_more_calls_than_there_is_room_for_are_told_when_to_come_back(tmp_path):
    with (
        running_server(tmp_path, limits={"queue_capacity": 1, "drain_ms": 2_000}) as server,
        Caller.of(server, "agent/planner") as planner,
    ):
        server.run(_take_all_room(server))
        with pytest.raises(Overloaded) as refused:
            planner.trust_documents()
        assert refused.value.retry_after_ms > 0


async def _take_all_room(server):
    server.application._server._door._calls += 1


def test_a_deadline_that_cannot_be_met_is_refused(planner):
    with pytest.raises(ServiceUnavailable):
        planner.ask(planner.trust.GetTrustBundle, pb.GetTrustBundleRequest(), timeout=0.0001)


# -- health and reflection


def test_health_is_told_for_the_server_and_each_service(server, as_):
    stub = health_pb2_grpc.HealthStub(as_("agent/plain").channel)
    for name in ("", "delegation.v1.DelegationService", "delegation.v1.LineageService"):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_reflection_lists_the_services(as_):
    stub = reflection_pb2_grpc.ServerReflectionStub(as_("agent/plain").channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    (answer,) = stub.ServerReflectionInfo(iter([request]), timeout=10)
    names = {service.name for service in answer.list_services_response.service}
    assert {f"delegation.v1.{name}Service" for name in ("Delegation", "Authorization", "Trust", "Lineage")} <= names


# -- going away


def test_a_server_that_goes_away_ends_its_watchers_and_tells_them_to_come_again(tmp_path):
    with running_server(tmp_path) as server, Caller.of(server, "agent/planner") as planner:
        watching = planner.watch()
        next(watching)
        stopping = Thread(target=lambda: server.run(server.application._server.drain()))
        stopping.start()
        with pytest.raises(grpc.RpcError) as ended:
            for _ in watching:
                pass
        stopping.join(10)
        assert isinstance(error_of_call(ended.value), ServiceUnavailable)
        assert not stopping.is_alive()


@pytest.mark.parametrize("method", ["grpc.health.v1.Health/Watch", "delegation.v1.TrustService/WatchRevocations"])
def test_who_reads_nothing_changes_nobodys_health_and_keeps_no_server_from_going_away(tmp_path, method):
    with (
        running_server(tmp_path) as server,
        unread_stream(server.target, server.profile("agent/loud"), f"/{method}"),
        server.channel("agent/plain") as channel,
        ThreadPoolExecutor() as pool,
    ):
        watching = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=60)
        told = (answer.status for answer in watching)
        assert next(told) == health_pb2.HealthCheckResponse.SERVING
        lifecycle = server.application._server
        server.run(lifecycle._health.tell(lifecycle._services, ready=False))
        assert next(told) == health_pb2.HealthCheckResponse.NOT_SERVING
        pool.submit(server.run, lifecycle.drain()).result(30)


def test_what_was_begun_is_answered_before_the_server_goes(tmp_path):
    with (
        running_server(tmp_path) as server,
        Caller.of(server, "agent/planner") as planner,
        closing(sqlite3.connect(tmp_path / "delegation.sqlite3", isolation_level=None)) as other,
        ThreadPoolExecutor() as pool,
    ):
        door = server.application._server._door
        other.execute("BEGIN IMMEDIATE")  # nothing is written until this lets go
        asked = pool.submit(planner.grant, READ)
        while not door._calls:
            assert not asked.done()
        stopping = pool.submit(server.run, server.application._server.drain())
        while not door._closing:
            assert not stopping.done()
        other.execute("ROLLBACK")
        assert asked.result(20).token
        stopping.result(20)


def test_a_program_that_serves_stops_on_sigterm_having_kept_everything(tmp_path):
    program = (
        "import sys; from delegation.app import serve; from delegation.server.config import load_config;"
        "serve(load_config(None, dev=True, state_dir=sys.argv[1], listen='127.0.0.1:0', trust_domain='test.example'),"
        " ready=lambda app: print(app.target, flush=True))"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        target = process.stdout.readline().strip()
        profile = tomllib.loads((tmp_path / "profile.toml").read_text())
        assert profile["target"] == target
        files = [(tmp_path / profile[name]).read_bytes() for name in ("ca", "key", "certificate")]
        with grpc.secure_channel(target, grpc.ssl_channel_credentials(*files)) as channel:
            task = Caller(channel).grant(READ)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.stdout.close()
    with running_server(tmp_path) as server, Caller.of(server, "developer") as developer:
        assert developer.task(task.task_id)


# -- what is wrong, in one line


def one_line(error):
    text = str(error.value)
    assert "\n" not in text
    return text


def test_a_taken_port_is_said_so(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError) as error, running_server(tmp_path, listen=f"127.0.0.1:{port}"):
            pass
    assert f"127.0.0.1:{port}" in one_line(error)


def test_a_taken_unix_socket_is_said_so_and_stays_its_owners(tmp_path):
    address = f"unix:{tmp_path}/s.sock"
    with running_server(tmp_path / "a", listen=address) as server:
        with pytest.raises(ConfigError) as error, running_server(tmp_path / "b", listen=address):
            pass
        assert "another server" in one_line(error)
        options = [*server.channel_options, ("grpc.ssl_target_name_override", "localhost")]
        with grpc.secure_channel(server.target, server.credentials(), options=options) as channel:
            assert Caller(channel).trust_documents()


def test_a_database_of_a_newer_version_is_said_so(tmp_path):
    with running_server(tmp_path):
        pass
    with sqlite3.connect(tmp_path / "delegation.sqlite3") as database:
        database.execute("update alembic_version set version_num = '9999'")
    database.close()
    with pytest.raises(StorageError) as error, running_server(tmp_path):
        pass
    assert error.value.reason == "schema_newer"
    one_line(error)


def test_a_missing_key_file_is_said_so(tmp_path, monkeypatch):
    monkeypatch.setenv("DELEGATION_KEY_PASSPHRASE", PASSPHRASE.decode())
    config = production_config(tmp_path)
    (config.keys_directory / "grant.key").unlink()
    with pytest.raises(ConfigError) as error:
        build(config)
    assert "grant.key" in one_line(error)


def test_a_missing_trust_bundle_is_said_so(tmp_path, monkeypatch):
    monkeypatch.setenv("DELEGATION_KEY_PASSPHRASE", PASSPHRASE.decode())
    config = production_config(tmp_path)
    (config.keys_directory / "trust-bundle.bin").unlink()
    with pytest.raises(ConfigError, match="sign one"):
        build(config)


def test_a_catalogue_that_the_bundle_does_not_name_is_said_so(tmp_path, monkeypatch):
    monkeypatch.setenv("DELEGATION_KEY_PASSPHRASE", PASSPHRASE.decode())
    catalogue = tmp_path / "tools.toml"
    catalogue.write_text('[[tool]]\naudience = "files"\nname = "read"\nowner = "t"\neffects = ["read"]\n')
    config = production_config(tmp_path).model_copy(update={"catalogue": catalogue})
    with pytest.raises(ConfigError, match="catalogue") as error:
        build(config)
    one_line(error)


def test_a_trust_bundle_older_than_the_database_has_seen_is_not_served(tmp_path, monkeypatch):
    monkeypatch.setenv("DELEGATION_KEY_PASSPHRASE", PASSPHRASE.decode())
    config = production_config(tmp_path)
    file = config.keys_directory / "trust-bundle.bin"
    first = file.read_bytes()
    sign(config)
    with running_application(build(config)):
        pass
    file.write_bytes(first)
    with running_application(build(config)) as server, server_channel(tmp_path, server, "agent/planner") as planner:
        assert bundle_version(planner) == 2


def test_another_trust_bundle_of_a_version_that_the_database_has_seen_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("DELEGATION_KEY_PASSPHRASE", PASSPHRASE.decode())
    config = production_config(tmp_path)
    with running_application(build(config)):
        pass
    (config.keys_directory / "trust-bundle.bin").unlink()
    sign(config)
    with pytest.raises(ConfigError, match="not newer") as error, running_application(build(config)):
        pass
    one_line(error)


# -- a service as an operator sets it up


def production_config(directory):
    ca = DevelopmentCa.create(TRUST_DOMAIN, now=now())
    (directory / "ca").mkdir(mode=0o700)
    ca.write(directory / "ca")
    certificate, key = ca.issue(spiffe_id("service"), now=now(), names=["127.0.0.1"]).write(directory / "tls", "server")
    (directory / "policy.cedar").write_text(PERMIT)  # there is no catalogue
    config = load_config(
        None,
        listen="127.0.0.1:0",
        trust_domain=TRUST_DOMAIN,
        state_dir=directory / "state",
        tls={"certificate": certificate, "key": key, "client_ca": directory / "ca" / "ca.pem"},
        identities=[identity("agent/planner", "orchestrator", "agent", "tool", audiences=["files"], ceiling="any")],
        limits={"drain_ms": 2_000},
        policy={"file": directory / "policy.cedar"},
    )
    create_root_key(directory / "root", PASSPHRASE, cost=CHEAP)
    create_service_keys(config.keys_directory, PASSPHRASE, cost=CHEAP)
    sign(config)
    return config


def sign(config):
    sign_bundle_file(
        config.keys_directory,
        root_directory=config.state_dir.parent / "root",
        root_passphrase=PASSPHRASE,
        store=SealedFiles(config.keys_directory, lambda: PASSPHRASE),
        trust_domain=TRUST_DOMAIN,
    )


def production(directory):
    os.environ["DELEGATION_KEY_PASSPHRASE"] = PASSPHRASE.decode()
    try:
        return build(production_config(directory))
    finally:
        del os.environ["DELEGATION_KEY_PASSPHRASE"]


@contextmanager
def server_channel(directory, server, path):
    issued = open_or_create_ca(directory / "ca", TRUST_DOMAIN, now=now()).issue(spiffe_id(path), now=now())
    ca = (directory / "ca" / "ca.pem").read_bytes()
    credentials = grpc.ssl_channel_credentials(ca, issued.key, issued.certificate)
    with grpc.secure_channel(server.target, credentials, options=server.channel_options) as channel:
        yield Caller(channel)


def test_a_rotated_server_certificate_is_taken_without_a_restart(tmp_path):
    config = dev_config(tmp_path)
    with running_application(build(config)) as server, Caller.of(server, "agent/planner") as before:
        before.trust_documents()
        former = shown_certificate(server)
        files = development_tls(config, development_ca(config))
        assert server.run(_reload(server))
        assert former != shown_certificate(server) == leaf_of(files.certificate)
        before.trust_documents()
        with Caller.of(server, "agent/planner") as after:
            after.trust_documents()


def test_tls_files_that_cannot_be_used_are_passed_over(tmp_path):
    with running_server(tmp_path) as server:
        former = shown_certificate(server)
        (tmp_path / "tls" / "server.key").write_bytes(b"half of a k")
        assert not server.run(_reload(server))
        assert shown_certificate(server) == former


def shown_certificate(server) -> bytes:
    """Give the certificate that the server shows, DER."""
    home = server.profile("agent/planner").parent
    context = ssl.create_default_context(cafile=home / "ca.pem")
    context.load_cert_chain(home / "client.pem", home / "client.key")
    context.set_alpn_protocols(["h2"])
    host, port = server.target.rsplit(":", 1)
    with socket.create_connection((host, int(port))) as raw, context.wrap_socket(raw, server_hostname=host) as secured:
        return secured.getpeercert(binary_form=True)


def leaf_of(file) -> bytes:
    return ssl.PEM_cert_to_DER_cert(file.read_text())


async def _reload(server):
    return server.application.tls.reload()
