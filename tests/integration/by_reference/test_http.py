"""Chains by reference over HTTP: a starlette application under uvicorn, called with the standard library's client."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading

import anyio.to_thread
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from delegation.errors import NotPermitted, Undecided
from delegation_sdk import Reason, Refused
from delegation_sdk.context import Carriage, from_headers, to_headers
from delegation_sdk.refusal_json import PROBLEM_MEDIA_TYPE, from_json, to_problem


class HttpTool:
    """A guarded starlette application under uvicorn, and what was sent to it."""

    def __init__(self, guard):
        self.guard = guard
        self.came = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        application = Starlette(routes=[Route("/{tool}", self._serve, methods=["POST"])])
        self.uvicorn = uvicorn.Server(uvicorn.Config(application, log_level="error", lifespan="off"))
        self.thread = threading.Thread(target=self.uvicorn.run, kwargs={"sockets": [self.listening]})

    async def _serve(self, request):
        try:
            carriage = from_headers(request.headers.raw)
            self.came.append("digest" if carriage.chain_digest else "chain")
            name = request.path_params["tool"]
            call = await self.guard.aio.authorize(carriage, name, await request.json())
        except Refused as refused:
            problem = to_problem(refused)
            return JSONResponse(problem, status_code=problem["status"], media_type=PROBLEM_MEDIA_TYPE)
        call.report()
        return JSONResponse({"agent": call.agent})

    def post(self, name, arguments, headers):
        """As any HTTP client: give status, media type and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("POST", f"/{name}", json.dumps(arguments), headers)
            answer = connection.getresponse()
            return answer.status, answer.getheader("content-type"), json.loads(answer.read())

    def __enter__(self):
        self.thread.start()  # connections are accepted from the beginning, and answered when it has started
        return self

    def __exit__(self, *_):
        self.uvicorn.should_exit = True
        self.thread.join()
        self.listening.close()


@pytest.fixture
def http_tool(guard):
    with HttpTool(guard) as tool:
        yield tool


def ask_http(http_tool, peer, delegation, name="read", path="/srv/a"):
    """What a client of one's own comes to."""
    call = delegation.call("files", name, {"path": path})

    def once(carriage):
        _, _, body = http_tool.post(name, call.arguments, to_headers(carriage))
        if refused := from_json(body):
            raise refused
        return body

    return peer.send(call, once)


def test_http_sends_a_chain_once_and_again_when_it_is_not_found(http_tool, peer, helper, forget):
    answers = [ask_http(http_tool, peer, helper, name) for name in ("read", "write", "read")]
    forget()
    answers += [ask_http(http_tool, peer, helper, name) for name in ("write", "read")]
    assert answers == [{"agent": helper.agent}] * 5
    assert http_tool.came == ["chain", "digest", "digest", "digest", "chain", "digest"]
    with pytest.raises(NotPermitted) as caught:
        ask_http(http_tool, peer, helper, path="/etc/passwd")
    assert (caught.value.reason, caught.value.link_index) == (Reason.ARGUMENT_REFUSED, 0)
    assert len(caught.value.call_id) == 16


async def test_http_for_asyncio_does_the_same(http_tool, peer, helper, forget):
    async def ask():
        call = helper.call("files", "read", {"path": "/srv/a"})

        async def once(carriage):
            _, _, body = await anyio.to_thread.run_sync(http_tool.post, "read", call.arguments, to_headers(carriage))
            if refused := from_json(body):
                raise refused
            return body

        return await peer.send_async(call, once)

    assert [await ask(), await ask()] == [{"agent": helper.agent}] * 2
    forget()
    assert await ask() == {"agent": helper.agent}
    assert http_tool.came == ["chain", "digest", "digest", "chain"]


@pytest.mark.spec("H-13", "H-15")
def test_another_language_finds_chain_unknown_in_the_problem_of_http(http_tool, helper):
    call = helper.call("files", "read", {"path": "/srv/a"})
    status, media_type, problem = http_tool.post("read", call.arguments, to_headers(call.reference))
    assert (status, media_type) == (409, "application/problem+json")
    assert (problem["type"], problem["status"]) == ("urn:delegation:refusal", 409)
    assert (problem["reason"], problem["layer"], problem["link_index"]) == ("chain_unknown", "availability", None)
    status, _, answer = http_tool.post("read", call.arguments, to_headers(call.carriage))
    assert (status, answer) == (200, {"agent": helper.agent}), "with the same proof"
    status, media_type, problem = http_tool.post("read", call.arguments, to_headers(call.reference))
    assert (status, media_type, problem["reason"]) == (403, "application/problem+json", "proof_replayed")


@pytest.mark.spec("H-6")
@pytest.mark.parametrize("present", [True, False])
def test_http_takes_no_chain_beside_a_digest(http_tool, helper, present):
    call = helper.call("files", "read", {"path": "/srv/a"})
    both = {**to_headers(call.reference), "Delegation-Chain": to_headers(call.carriage)["Delegation-Chain"] * present}
    status, _, problem = http_tool.post("read", call.arguments, both)
    assert (status, problem["reason"]) == (403, "malformed")


@pytest.mark.spec("H-7")
def test_a_thief_with_a_digest_and_no_key_is_refused(http_tool, peer, helper, task):
    ask_http(http_tool, peer, helper)
    stolen = Carriage(b"", task.call("files", "read", {"path": "/srv/a"}).carriage.proof, helper.digest)
    status, _, problem = http_tool.post("read", {"path": "/srv/a"}, to_headers(stolen))
    assert (status, problem["reason"]) == (403, "proof_other_call")


def test_a_guard_that_never_finds_anything_is_sent_a_call_twice(http_tool, peer, helper, forget):
    http_tool.guard._chains._entries = 0
    for sent in (["chain"], ["digest", "chain"], ["digest", "chain"], ["digest", "chain"], ["chain"], ["chain"]):
        http_tool.came.clear()
        assert ask_http(http_tool, peer, helper) == {"agent": helper.agent}
        assert http_tool.came == sent


@pytest.mark.spec("H-12")
def test_a_server_that_answers_falsely_is_sent_a_call_twice(http_tool, peer, helper):
    ask_http(http_tool, peer, helper)
    http_tool.came.clear()

    def once(carriage):
        """As if the answer to the chain were the same as to an unknown digest."""
        unknown = Carriage(b"", carriage.proof, bytes(32))
        raise from_json(http_tool.post("read", {"path": "/srv/a"}, to_headers(unknown))[2])

    with pytest.raises(Undecided, match="chain_unknown"):
        peer.send(helper.call("files", "read", {"path": "/srv/a"}), once)
    assert http_tool.came == ["digest", "digest"]
