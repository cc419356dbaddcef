"""Whether a request for approval shows the chain that it is about: its link id says all that the links say.

Who approves consents to a link id, which nobody can read. What is shown beside it is somebody's word, until the links
are there that hash to it.
"""

from __future__ import annotations

from delegation.core.approval_request import ApprovalRequest
from delegation.core.chain import Link
from delegation.core.codec import decode_link, parse_link, parse_token
from delegation.core.keys import Purpose, link_id, signing_input
from delegation.errors import Reason, refusal


def links_of(token: bytes, leaf_id: bytes) -> tuple[Link, ...]:
    """Read the links of a token whose last has this id (K-8). Their signatures are nobody's here.

    Raises:
        Malformed: it is no token, or its last link has another id.
    """
    links: list[Link] = []
    parent = b""
    for frame in parse_token(token).frames:
        purpose = Purpose.HANDOFF if links else Purpose.GRANT
        links.append(decode_link(parse_link(frame.payload), frame.payload))
        parent = link_id(signing_input(purpose, frame.payload, parent))
    if parent != leaf_id:
        raise refusal(Reason.FIELD_INVALID, detail="the links are not of the chain that the request is about")
    return tuple(links)


def require_shown(request: ApprovalRequest) -> None:
    """Require that a request shows agents, principal, purpose and task as its chain has them.

    Whether somebody vouches for an agent is no link's to say, and not looked at.

    Raises:
        Malformed: it has no links, or not those of its chain, or shows something else than they say.
    """
    links = links_of(request.token, request.link_id)
    shown = request.principal
    said = (
        tuple(agent.agent for agent in request.agents),
        (shown.subject, shown.issuer, shown.basis),
        request.purpose,
        request.task_id,
    )
    if said != _said(links):
        raise refusal(Reason.FIELD_INVALID, detail="the request shows something else than its chain says")


def _said(links: tuple[Link, ...]) -> tuple[object, ...]:
    claims = links[0].grant
    if claims is None:
        raise refusal(Reason.FIELD_INVALID, detail="the first link is no grant")
    principal = claims.principal
    named = (principal.subject, principal.issuer, principal.basis)
    return tuple(link.holder_agent for link in links), named, links[0].purpose, claims.task_id
