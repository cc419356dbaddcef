"""An attacker on the network: heard what an agent sent to a tool, holds no key of theirs, and sends what it likes.

Plain sockets and JSON: whatever a client library or the SDK would refuse to send, this sends.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import time
from dataclasses import dataclass
from email import message_from_bytes
from typing import Any, Final

from delegation.core.arguments import Arguments
from delegation.core.keys import SigningKey
from delegation.core.limits import NONCE_BYTES
from delegation.core.proof import sign_proof
from delegation_sdk import Delegation
from delegation_sdk.context import META_KEY
from demo.cues import Refusal
from demo.narration import SurpriseError

_TIMEOUT_S: Final = 10.0
_KEEP: Final = ("accept", "content-type", "mcp-protocol-version", "mcp-method", "mcp-name")


@dataclass(frozen=True, slots=True)
class Overheard:
    """One call of a tool as it went over the wire."""

    headers: dict[str, str]
    body: bytes

    @property
    def chain(self) -> str:
        """The chain in it, as it is spelled there."""
        chain: str = self._delegation()["chain"]
        return chain

    @property
    def proof(self) -> str:
        """The proof in it, as it is spelled there."""
        proof: str = self._delegation()["proof"]
        return proof

    def altered(self, arguments: dict[str, Any], *, proof: str | None = None) -> Overheard:
        """The same call with other arguments, and perhaps another proof."""
        message = json.loads(self.body)
        message["params"]["arguments"] = arguments
        if proof is not None:
            message["params"]["_meta"][META_KEY]["proof"] = proof
        return Overheard(self.headers, json.dumps(message).encode())

    def _delegation(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.body)["params"]["_meta"][META_KEY]
        return found


def overheard_call(streams: list[bytes], tool: str) -> Overheard:
    """Find the first call of a tool in what was heard.

    Raises:
        SurpriseError: There is none.
    """
    for stream in streams:
        rest = stream
        while b"\r\n\r\n" in rest:
            head, _, rest = rest.partition(b"\r\n\r\n")
            headers = {name.lower(): value for name, value in message_from_bytes(head.partition(b"\r\n")[2]).items()}
            length = int(headers.get("content-length", "0"))
            body, rest = rest[:length], rest[length:]
            if headers.get("mcp-method") == "tools/call" and headers.get("mcp-name") == tool:
                return Overheard({name: headers[name] for name in _KEEP if name in headers}, body)
    raise SurpriseError(f"nobody has heard a call of {tool}")


def proof_by_another_key(chain: str, audience: str, tool: str, arguments: dict[str, Any]) -> str:
    """Sign a call under a chain that was heard, with a key of one's own: the best that can be done without its key."""
    proof = sign_proof(
        SigningKey.generate(os.urandom),
        chain_digest=Delegation(base64.urlsafe_b64decode(chain + "=" * (-len(chain) % 4))).digest,
        audience=audience,
        tool=tool,
        arguments_digest=Arguments.of(arguments).digest,
        now_ms=time.time_ns() // 1_000_000,
        nonce=os.urandom(NONCE_BYTES),
    )
    return base64.urlsafe_b64encode(proof).rstrip(b"=").decode()


def send(call: Overheard, port: int) -> Refusal:
    """Send a call to the tool's server; it must refuse.

    Raises:
        SurpriseError: It did not.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    try:
        connection.request("POST", "/mcp", call.body, call.headers)
        answer = connection.getresponse()
        result = _message(answer.getheader("content-type", ""), answer.read()).get("result", {})
    finally:
        connection.close()
    why = result.get("structuredContent") or {}
    if not result.get("isError") or "layer" not in why:
        raise SurpriseError(f"the tool did not refuse, but answered {result}")
    return Refusal(why["reason"], why["layer"], why["link_index"], why["field"], why["parent"], why["child"])


def _message(content_type: str, body: bytes) -> dict[str, Any]:
    if content_type.startswith("text/event-stream"):
        body = next(line for line in body.splitlines() if line.startswith(b"data:")).removeprefix(b"data:")
    message: dict[str, Any] = json.loads(body)
    return message
