"""Whose call was it? Where the chain did not verify, only recorded facts may say."""

from __future__ import annotations

from typing import Final, NamedTuple

from delegation.core.chain import VerifiedChain
from delegation.core.codec import parse_token
from delegation.core.keys import Purpose, link_id, signing_input
from delegation.errors import Refused
from delegation.service.recorded_links import RecordedLinks


class Attribution(NamedTuple):
    """What a denied call is recorded under; None and empty where nothing is known."""

    task_id: bytes | None
    leaf_link_id: bytes | None
    agent: str
    principal_subject: str


NOBODY: Final = Attribution(None, None, "", "")


def attributed(chain: VerifiedChain) -> Attribution:
    """Attribute a call to the chain that was verified for it."""
    return Attribution(chain.task_id, chain.digest, chain.leaf.holder_agent, chain.principal.subject)


async def attribution(token: bytes, recorded: RecordedLinks) -> Attribution:
    """Attribute a token that was refused to the task whose grant it carries, if that grant is recorded.

    Link ids are hashes of what was signed, so a recorded id cannot be claimed for anything else; who
    presented it remains unknown. The leaf's agent is named only if the leaf itself is recorded.

    Raises:
        StorageError: the records cannot be read.
    """
    ids = _link_ids(token)
    if not ids:
        return NOBODY
    grant, leaf = ids[0], ids[-1]
    if (known := await recorded.find(leaf)) is not None:
        return Attribution(known.task_id, leaf, known.agent, known.principal_subject)
    if leaf != grant and (known := await recorded.find(grant)) is not None:
        return Attribution(known.task_id, leaf, "", known.principal_subject)
    return NOBODY


def leaf_of(token: bytes) -> bytes:
    """Give the chain digest of a token, verified or not; empty if it cannot be read."""
    ids = _link_ids(token)
    return ids[-1] if ids else b""


def _link_ids(token: bytes) -> list[bytes]:
    ids: list[bytes] = []
    try:
        for frame in parse_token(token).frames:
            tag = Purpose.HANDOFF if ids else Purpose.GRANT
            ids.append(link_id(signing_input(tag, frame.payload, ids[-1] if ids else b"")))
    except Refused:
        return []
    return ids
