"""What is to be revoked: reading its id, and telling beforehand what falls with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import typer

from delegation.cli.identifiers import parse_id
from delegation.core import limits
from delegation.core.codec import decode_link, parse_link, parse_token
from delegation.core.lineage import RecordedLink
from delegation.core.revocation import RevocationKind, principal_id

if TYPE_CHECKING:
    from delegation_sdk.client import Client

MAX_EXPORTED_BYTES: Final = 2 * limits.TOKEN_BYTES
_MOST_SHOWN: Final = 8
_SIZE_BYTES: Final = {
    RevocationKind.LINK: limits.LINK_ID_BYTES,
    RevocationKind.TASK: limits.TASK_ID_BYTES,
    RevocationKind.HOLDER_KEY: limits.KEY_BYTES,
    RevocationKind.ISSUER_KEY: limits.KEY_ID_BYTES,
}


def target_of(kind: str, text: str, issuer: str) -> tuple[RevocationKind, bytes]:
    """Read what is to be revoked.

    Args:
        kind: As it is typed: `holder-key`.
        text: The id as it is typed.
        issuer: Who vouches for a principal.

    Raises:
        typer.BadParameter: The id is none of this kind, or an issuer is missing or too many.
    """
    found = RevocationKind(kind.replace("-", "_"))
    if (found is RevocationKind.PRINCIPAL) is not bool(issuer):
        raise typer.BadParameter("--issuer goes with a principal, and a principal with --issuer")
    if found is RevocationKind.PRINCIPAL:
        return found, principal_id(issuer, text)
    if found is RevocationKind.AGENT:
        if ":" not in text:
            raise typer.BadParameter("an agent is named by its whole id, as in spiffe://acme.example/agent/planner")
        return found, text.encode()
    return found, parse_id(text, _SIZE_BYTES[found], kind)


def what_falls(client: Client, kind: RevocationKind, id: bytes) -> Iterator[str]:
    """Say in words what falls with it.

    Raises:
        RequestFailed: The service does not know it.
    """
    if kind is RevocationKind.TASK:
        task_id, top = id, None
    elif kind is RevocationKind.LINK:
        task_id, top = _task_of(client.lineage.get_chain(id)), id
    else:
        yield "Everything that rests on it falls, in every task, now and later."
        return
    task, links = client.lineage.get_task(task_id)
    from delegation.cli.untrusted_text import visible

    falling = list(links if top is None else _subtree(links, top))
    yield f"In the task “{visible(task.purpose)}”, this falls:"
    for link in falling[:_MOST_SHOWN]:
        yield f"  {visible(_agent(link))}"
    if len(falling) > _MOST_SHOWN:
        yield f"  … and {len(falling) - _MOST_SHOWN} more"


def _task_of(token: bytes) -> bytes:
    payload = parse_token(token).frames[0].payload
    grant = decode_link(parse_link(payload), payload).grant
    return b"" if grant is None else grant.task_id


def _subtree(links: tuple[RecordedLink, ...], top: bytes) -> Iterator[RecordedLink]:
    below = {top}
    for link in links:  # parents come before children
        if link.link_id == top or link.parent_link_id in below:
            below.add(link.link_id)
            yield link


def _agent(link: RecordedLink) -> str:
    return decode_link(parse_link(link.payload), link.payload).holder_agent
