"""What an agent holds: a chain, and for its own work the holder key of the chain's leaf.

It signs calls and can be passed on to another process. It is not verified here: those verify who decide by it. Handing
off is in `flows`, since it asks the service; `client` and `aio` put both together.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Final, Self

from delegation.core.chain import GrantClaims, Link, SignedLink, UnverifiedChain
from delegation.core.codec import decode_link, parse_link, parse_token
from delegation.core.keys import Purpose, SigningKey, link_id, signing_input
from delegation.core.limits import KEY_BYTES
from delegation.core.scope import SERVICE_AUDIENCE, Scope
from delegation.errors import InvalidRequest, Reason, refusal
from delegation.telemetry import Span, SpanIds, names
from delegation_sdk import context, tracing
from delegation_sdk.call import Call
from delegation_sdk.sources import Sources

_EXPORTED: Final = re.compile(r"delegation:([A-Za-z0-9_-]+)(?:\.([A-Za-z0-9_-]+))?")


class Delegation:
    """A chain of links, and the leaf's holder key if it is ours.

    Attributes:
        token: The chain's serialized form. It is of no use without the holder key.
        links: The links as parsed, grant first; not verified.
        grant: What the first of them says about task and principal.
        recorded: False if the handoff was made without the service and waits for `Client.record`.

    Args:
        token: A token.
        key: The holder key of its leaf; without it the delegation can only be passed on.
        recorded: See above.
        sources: Clock and randomness.

    Raises:
        Malformed: The token does not parse, or the key is not its leaf's.
    """

    def __init__(
        self, token: bytes, key: SigningKey | None = None, *, recorded: bool = True, sources: Sources | None = None
    ) -> None:
        self.token = token
        self.links = _read_links(parse_token(token))
        self.grant = _grant_of(self.links[0])
        self.recorded = recorded
        self._key = key
        self._sources = sources or Sources.system()
        if key is not None and key.public != self.leaf.holder_key:
            raise refusal(Reason.KEY_INVALID, detail="the key is not the one that the chain's last link names")

    @property
    def leaf(self) -> Link:
        """The last link: what this delegation permits."""
        return self.links[-1].link

    @property
    def scope(self) -> Scope:
        """What it permits."""
        return self.leaf.scope

    @property
    def agent(self) -> str:
        """The agent id of its holder."""
        return self.leaf.holder_agent

    @property
    def purpose(self) -> str:
        """Why the task is done, as the grant has it."""
        return self.links[0].link.purpose

    @property
    def expires_at_ms(self) -> int:
        """When it ends, milliseconds since the Unix epoch."""
        return self.leaf.expires_at_ms

    @property
    def digest(self) -> bytes:
        """The chain digest: the leaf's link id, 32 bytes."""
        return self.links[-1].link_id

    @property
    def task_id(self) -> bytes:
        """The task, 16 bytes."""
        return self.grant.task_id

    @cached_property
    def chain(self) -> UnverifiedChain:
        """The chain as it would reach a verifier, statements included."""
        return parse_token(self.token)

    @property
    def holds_key(self) -> bool:
        """Whether this process can act under it, and not only pass it on."""
        return self._key is not None

    def call(self, audience: str, tool: str, arguments: Mapping[str, Any] | None = None) -> Call:
        """Sign a call of a tool.

        Args:
            audience: Who serves the tool.
            tool: Its name there.
            arguments: What it will be called with, as JSON has it.

        Returns:
            The call; use it as a context manager to have a span around it.

        Raises:
            NotPermitted: ARGUMENTS_INVALID or ARGUMENTS_TOO_LARGE; TOOL_NOT_PERMITTED at the audience by which a holder
                ends its task: no tool is served there. Whether the scope permits the call, the guard decides.
            InvalidRequest: The holder key is not here.
        """
        self.require_key()
        if audience == SERVICE_AUDIENCE:
            raise refusal(Reason.TOOL_NOT_PERMITTED, detail="no tool is served under the service's own audience")
        return Call(self, audience, tool, {} if arguments is None else arguments, sources=self._sources)

    @contextmanager
    def work(self) -> Iterator[Self]:
        """Work under this delegation: it is current, inside a span that is linked to the handoff."""
        with tracing.invoking(self.agent, task_id=self.task_id) as span, context.working_under(self):
            _link_to_handoff(span, self.links[-1])
            yield self

    def export(self) -> str:
        """Give the delegation as text, for a process that has the key or only passes it on. Not a secret."""
        return f"delegation:{_encode(self.token)}"

    def export_with_key(self) -> str:
        """Give delegation *and holder key* as text: a secret. Whoever reads it can act as this agent.

        Raises:
            InvalidRequest: The holder key is not here.
        """
        return f"{self.export()}.{_encode(self.require_key().seed)}"

    @classmethod
    def load(cls, exported: str, key: SigningKey | None = None, *, sources: Sources | None = None) -> Delegation:
        """Read what `export` or `export_with_key` gave.

        Args:
            exported: The text.
            key: The holder key, if it came another way.
            sources: Clock and randomness.

        Raises:
            Malformed: It is no delegation, or the key is another's.
        """
        found = _EXPORTED.fullmatch(exported.strip())
        if found is None:
            raise refusal(Reason.MALFORMED, detail="not an exported delegation")
        token, seed = _decode(found[1]), _decode(found[2] or "")
        if seed:
            if len(seed) != KEY_BYTES:
                raise refusal(Reason.KEY_INVALID)
            key = SigningKey(seed)
        return Delegation(token, key, sources=sources)

    def require_key(self) -> SigningKey:
        """Give the holder key, for signing.

        Raises:
            InvalidRequest: It is not here.
        """
        if self._key is None:
            raise InvalidRequest(f"the key of this delegation is held by {self.agent}: send it the token")
        return self._key

    def __getstate__(self) -> object:
        # Pickling would take the key along without anybody asking for it.
        raise InvalidRequest("a delegation is passed on with export(), or export_with_key() if the key must go along")

    def __repr__(self) -> str:
        agents = " -> ".join(signed.link.holder_agent for signed in self.links)
        return f"{type(self).__name__}({agents}, task {self.task_id.hex()})"


def _read_links(chain: UnverifiedChain) -> tuple[SignedLink, ...]:
    """Parse every link of a chain; nothing is verified."""
    links: list[SignedLink] = []
    parent_id = b""
    for frame in chain.frames:
        purpose = Purpose.HANDOFF if links else Purpose.GRANT
        parent_id = link_id(signing_input(purpose, frame.payload, parent_id))
        link = decode_link(parse_link(frame.payload), frame.payload)
        links.append(SignedLink(frame.payload, frame.signature, parent_id, link))
    return tuple(links)


def _grant_of(first: SignedLink) -> GrantClaims:
    if first.link.grant is None:
        raise refusal(Reason.GRANT_MISSING, link_index=0)
    return first.link.grant


def _link_to_handoff(span: Span, handoff: SignedLink) -> None:
    if handoff.link.trace is not None:
        span.link(SpanIds(*handoff.link.trace), {names.LINK_ID: handoff.link_id.hex()})


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise refusal(Reason.MALFORMED, detail="not an exported delegation") from None
