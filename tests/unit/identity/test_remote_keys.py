"""An issuer's keys over real HTTP: rotation, an issuer that fails, and strangers who ask for keys that do not exist."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from certificates import TestCa
from delegation.errors import ConfigError, Reason, ServiceUnavailable
from delegation.identity.https_get import MAX_DOCUMENT_BYTES, HttpsGet
from delegation.identity.jws import BadToken, UnverifiedToken, read_token
from delegation.identity.key_source import verify_signature
from delegation.identity.remote_keys import MAX_WAITING, KeyPolicy, RemoteKeys
from delegation.identity.token_rules import check_url


class Issuer(ThreadingHTTPServer):
    """Answers what it is told to, and counts."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.keys = {"k1": ec.generate_private_key(ec.SECP256R1())}
        self.asked: list[str] = []
        self.was_asked = threading.Event()
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.hold = threading.Event()
        self.hold.set()

    def handle_error(self, *_: object) -> None:
        pass  # who asked has given up waiting

    def token(self, key_id: str | None) -> UnverifiedToken:
        key = self.keys.get(key_id) or next(iter(self.keys.values()))
        headers = {"kid": key_id} if key_id else {}
        return read_token(jwt.encode({"iss": self.url}, key, "ES256", headers=headers).encode())

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        if path in self.answers:
            return self.answers[path]
        if path == "/drip":
            return 200, {}, b" " * 10_000
        if path == "/.well-known/openid-configuration":
            return 200, {}, json.dumps({"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}).encode()
        algorithm = jwt.algorithms.ECAlgorithm
        keys = [{**json.loads(algorithm.to_jwk(key.public_key())), "kid": name} for name, key in self.keys.items()]
        return 200, {}, json.dumps({"keys": keys}).encode()


class _Handler(BaseHTTPRequestHandler):
    server: Issuer

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.was_asked.set()
        self.server.hold.wait(30)
        status, headers, content = self.server.answer(self.path)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        if self.path == "/drip":  # a byte now and then, so that it never is silent for long
            for byte in content:
                self.wfile.write(bytes([byte]))
                time.sleep(0.02)
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    server = Issuer()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.hold.set()
    server.shutdown()
    server.server_close()
    thread.join(10)


class Clock:
    def __init__(self) -> None:
        self.ms = 1_000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(issuer, clock) -> RemoteKeys:
    policy = KeyPolicy(refresh_ms=60_000, keep_ms=100_000, cooldown_ms=1_000)
    return RemoteKeys(issuer.url, HttpsGet(timeout_ms=5_000), monotonic_ms=clock, policy=policy)


async def reason_of(token, keys) -> Reason:
    with pytest.raises(BadToken) as caught:
        await verify_signature(token, keys)
    return caught.value.reason


async def test_keys_are_found_by_discovery_and_kept(issuer, keys):
    for _ in range(5):
        await verify_signature(issuer.token("k1"), keys)
    assert issuer.asked == ["/.well-known/openid-configuration", "/jwks"]


async def test_a_new_key_is_found_when_it_is_first_met(issuer, keys):
    await verify_signature(issuer.token("k1"), keys)
    issuer.keys["k2"] = ec.generate_private_key(ec.SECP256R1())
    await verify_signature(issuer.token("k2"), keys)
    await verify_signature(issuer.token("k1"), keys)


async def test_many_that_meet_a_new_key_at_once_share_one_look(issuer, keys):
    await verify_signature(issuer.token("k1"), keys)
    issuer.keys["k2"] = ec.generate_private_key(ec.SECP256R1())
    await asyncio.gather(*(verify_signature(issuer.token("k2"), keys) for _ in range(50)))
    assert issuer.asked.count("/jwks") == 2


async def test_unknown_keys_cause_a_bounded_number_of_looks(issuer, keys, clock):
    await verify_signature(issuer.token("k1"), keys)
    for _ in range(100):
        assert await reason_of(issuer.token("no such key"), keys) is Reason.ISSUER_UNKNOWN
    assert issuer.asked.count("/jwks") == 3  # the first, and what was left of three
    clock.ms += 1_000
    for _ in range(100):
        assert await reason_of(issuer.token("no such key"), keys) is Reason.ISSUER_UNKNOWN
    assert issuer.asked.count("/jwks") == 4
    await verify_signature(issuer.token("k1"), keys)


async def test_a_withdrawn_key_is_refused_from_the_next_look_on(issuer, keys):
    first = issuer.token("k1")
    await verify_signature(first, keys)
    issuer.keys = {"k2": ec.generate_private_key(ec.SECP256R1())}
    await verify_signature(issuer.token("k2"), keys)
    assert await reason_of(first, keys) is Reason.ISSUER_UNKNOWN


async def test_while_the_issuer_fails_known_keys_count_for_a_bounded_time_and_unknown_ones_not_at_all(
    issuer, keys, clock
):
    await verify_signature(issuer.token("k1"), keys)
    issuer.answers["/jwks"] = (503, {}, b"")
    assert await reason_of(issuer.token("k2"), keys) is Reason.ISSUER_UNKNOWN
    clock.ms += 100_000
    await verify_signature(issuer.token("k1"), keys)
    clock.ms += 1
    assert await reason_of(issuer.token("k1"), keys) is Reason.SERVICE_UNAVAILABLE
    del issuer.answers["/jwks"]
    clock.ms += 1_000
    await verify_signature(issuer.token("k1"), keys)


async def test_whoever_gives_up_waiting_takes_the_keys_from_nobody_else(issuer, keys):
    issuer.hold.clear()
    impatient = asyncio.create_task(verify_signature(issuer.token("k1"), keys))
    patient = asyncio.create_task(verify_signature(issuer.token("k1"), keys))
    assert await asyncio.to_thread(issuer.was_asked.wait, 30)
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    issuer.hold.set()
    await patient
    assert issuer.asked.count("/jwks") == 1


async def test_an_issuer_that_does_not_answer_keeps_a_bounded_number_waiting_for_a_bounded_time(issuer, keys):
    token = issuer.token("k1")
    issuer.hold.clear()
    waiting = [asyncio.create_task(reason_of(token, keys)) for _ in range(MAX_WAITING)]
    assert await asyncio.to_thread(issuer.was_asked.wait, 30)
    with pytest.raises(BadToken, match="too many wait") as caught:
        await verify_signature(token, keys)
    assert caught.value.reason is Reason.SERVICE_UNAVAILABLE
    assert set(await asyncio.gather(*waiting)) == {Reason.SERVICE_UNAVAILABLE}
    issuer.hold.set()


async def test_nobody_waits_as_long_as_a_slow_issuer_may_take(issuer, clock):
    issuer.hold.clear()
    keys = RemoteKeys(issuer.url, HttpsGet(timeout_ms=60_000), monotonic_ms=clock)
    with pytest.raises(BadToken, match="slow to give its keys"):
        await verify_signature(issuer.token("k1"), keys)
    issuer.hold.set()  # what was begun goes on for those who come later
    await keys.renewed()
    await verify_signature(issuer.token("k1"), keys)


async def test_an_issuer_that_withdraws_all_its_keys_is_believed_at_once(issuer, keys):
    first = issuer.token("k1")
    await verify_signature(first, keys)
    issuer.keys = {}
    assert await keys.renewed() is False
    assert await reason_of(first, keys) is Reason.ISSUER_UNKNOWN


async def test_a_token_without_kid_takes_the_only_key_of_its_algorithm(issuer, keys):
    await verify_signature(issuer.token(None), keys)
    issuer.keys["k2"] = ec.generate_private_key(ec.SECP256R1())
    await keys.renewed()
    assert await reason_of(issuer.token(None), keys) is Reason.ISSUER_UNKNOWN


async def test_following_fetches_before_anybody_asks(issuer, keys):
    issuer.hold.clear()
    following = asyncio.create_task(keys.follow())
    assert await asyncio.to_thread(issuer.was_asked.wait, 30)
    joining = asyncio.create_task(keys.renewed())
    await asyncio.sleep(0)
    issuer.hold.set()
    assert await joining  # that look had begun before
    assert keys.known()
    assert issuer.asked.count("/jwks") == 1
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/jwks", (302, {"location": "/elsewhere"}, b"")),
        ("/jwks", (200, {}, b"not json")),
        ("/jwks", (200, {}, b"[" * 100_000)),
        ("/jwks", (200, {}, b'{"keys": []}' + b" " * MAX_DOCUMENT_BYTES)),
        ("/jwks", (204, {}, b"")),
        ("/.well-known/openid-configuration", (200, {}, b'{"issuer": "https://other.example", "jwks_uri": "JWKS"}')),
        ("/.well-known/openid-configuration", (200, {}, b"[]")),
        ("/.well-known/openid-configuration", (404, {}, b"")),
    ],
    ids=["redirect", "no json", "deep", "large", "empty", "another issuer", "no metadata", "no discovery"],
)
async def test_what_is_no_key_set_gives_no_keys(issuer, keys, path, answer):
    status, headers, content = answer
    issuer.answers[path] = status, headers, content.replace(b"JWKS", f"{issuer.url}/jwks".encode())
    assert await reason_of(issuer.token("k1"), keys) is Reason.SERVICE_UNAVAILABLE
    assert "/elsewhere" not in issuer.asked


@pytest.mark.parametrize("there", ["http://169.254.169.254/keys", "file:///etc/passwd", "ftp://127.0.0.1/keys", 5])
async def test_discovery_leads_nowhere_else(issuer, keys, there):
    metadata = json.dumps({"issuer": issuer.url, "jwks_uri": there}).encode()
    issuer.answers["/.well-known/openid-configuration"] = (200, {}, metadata)
    assert await reason_of(issuer.token("k1"), keys) is Reason.SERVICE_UNAVAILABLE
    assert issuer.asked == ["/.well-known/openid-configuration"] * len(issuer.asked)


async def test_an_issuer_that_does_not_answer_is_given_up(issuer, clock):
    issuer.hold.clear()
    keys = RemoteKeys(issuer.url, HttpsGet(timeout_ms=200), monotonic_ms=clock)
    assert await reason_of(issuer.token("k1"), keys) is Reason.SERVICE_UNAVAILABLE


async def test_an_https_issuer_that_leads_to_http_is_not_followed(clock):
    asked = []

    async def fetch(url: str) -> bytes:
        asked.append(url)
        return json.dumps({"issuer": "https://issuer.example", "jwks_uri": "http://localhost/keys"}).encode()

    keys = RemoteKeys("https://issuer.example", fetch, monotonic_ms=clock)
    assert await keys.renewed() is False
    assert asked == ["https://issuer.example/.well-known/openid-configuration"]
    assert keys.known() is None


# -- fetching ------------------------------------------------------------------------------------------------


async def test_an_answer_that_never_ends_is_cut_off(issuer):
    began = time.monotonic()
    with pytest.raises(ServiceUnavailable, match="within"):
        await HttpsGet(timeout_ms=300)(f"{issuer.url}/drip")
    assert time.monotonic() - began < 60  # it would have taken 200 s


async def test_over_tls_only_the_named_ca_is_believed(issuer, tmp_path):
    ca = TestCa.create()
    issued = ca.issue("https://issuer.example", dns=("localhost",))
    (tmp_path / "server.pem").write_bytes(issued.certificate + issued.key)
    (tmp_path / "ca.pem").write_bytes(ca.pem)
    (tmp_path / "other.pem").write_bytes(TestCa.create().pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    issuer.socket = context.wrap_socket(issuer.socket, server_side=True)
    url = f"https://localhost:{issuer.server_port}/jwks"
    assert b"keys" in await HttpsGet(timeout_ms=5_000, ca=tmp_path / "ca.pem")(url)
    for ca_file in (tmp_path / "other.pem", None):
        with pytest.raises(ServiceUnavailable, match="cannot be reached"):
            await HttpsGet(timeout_ms=5_000, ca=ca_file)(url)


def test_a_ca_file_that_holds_none_is_a_config_error(tmp_path):
    (tmp_path / "ca.pem").write_text("none")
    with pytest.raises(ConfigError, match="no CA certificates"):
        HttpsGet(timeout_ms=1, ca=tmp_path / "ca.pem")


@pytest.mark.parametrize("url", ["https://a.example/x", "http://127.0.0.1:1/x", "http://localhost", "http://[::1]:5/"])
def test_urls_that_are_fetched(url):
    assert check_url(url, what="it") == url


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example",
        "https://",
        "https://u:p@a.example",
        "https://a.example/#x",
        "file:///x",
        "a.example",
        "",
        "https://a:x",
        "https://a.example/\n",
    ],
    ids=repr,
)
def test_urls_that_are_not(url):
    with pytest.raises(ConfigError):
        check_url(url, what="it")


def test_an_issuer_over_tls_has_its_keys_over_tls():
    with pytest.raises(ConfigError, match="https"):
        check_url("http://localhost/keys", what="it", over_tls=True)
