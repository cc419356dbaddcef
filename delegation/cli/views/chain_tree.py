"""A chain drawn as a tree: who gave what to whom, until when, and what each hop took away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from delegation.cli.hops import Hop
from delegation.cli.untrusted_text import visible
from delegation.cli.views.hop_lines import hop_lines, may_lines, refused_line
from delegation.cli.views.times import moment
from delegation.cli.views.tree import Line, Node, print_tree, wrapped
from delegation.core.chain import GrantClaims, Link, Principal, PrincipalBasis
from delegation.errors import Refused

_LABEL_COLUMNS: Final = 10

_BASIS: Final = {
    PrincipalBasis.ASSERTED: "asserted by the grant's holder",
    PrincipalBasis.OIDC_ID_TOKEN: "shown by an OIDC ID token",
    PrincipalBasis.ID_JAG: "shown by an ID-JAG",
    PrincipalBasis.SUBJECT_TOKEN: "shown by a subject token",
}


def print_chain(
    console: Console, hops: Sequence[Hop], now_ms: int, *, fault: Refused | None = None, whole_ids: bool = False
) -> None:
    """Print a chain.

    Args:
        console: Where.
        hops: The links, grant first.
        now_ms: The time that relative times are relative to.
        fault: Why the link after the last hop cannot be read; None if there is none.
        whole_ids: Whether link ids are shown.
    """
    if hops:
        _print_head(console, hops[0].link)
        console.print()
    root = _tree(hops, now_ms, fault, whole_ids=whole_ids)
    if root is not None:
        print_tree(console, root)
    if hops and fault is None:
        console.print()
        print_fields(console, [("recorded", _recorded(hops))])


def print_fields(console: Console, fields: Sequence[tuple[str, Text]]) -> None:
    """Print labelled values below one another."""
    for label, value in fields:
        line = Line(Text.assemble((f"{label:<{_LABEL_COLUMNS}}", "label"), value), hang=_LABEL_COLUMNS)
        for part in wrapped(console, line, console.width):
            console.print(part, soft_wrap=True)


def principal_text(principal: Principal) -> Text:
    """Say on whose behalf, and what that rests on."""
    text = Text(visible(principal.subject), "agent")
    text.append(f" at {visible(principal.issuer)}")
    asserted = principal.basis is PrincipalBasis.ASSERTED
    text.append(f", {_BASIS[principal.basis]}", "warning" if asserted else "quiet")
    if principal.authentication_strength:
        text.append(f", {visible(principal.authentication_strength)}", "quiet")
    return text


def _print_head(console: Console, grant: Link) -> None:
    claims = grant.grant
    fields = [] if claims is None else [("task", Text(claims.task_id.hex()))]
    purpose = Text(visible(grant.purpose))
    purpose.append("  ← the one that counts", "quiet")
    fields.append(("purpose", purpose))
    if claims is not None:
        fields += [("for", principal_text(claims.principal)), ("issuer", _issuer(claims))]
    print_fields(console, fields)


def _issuer(claims: GrantClaims) -> Text:
    text = Text(f"key {claims.issuer_key_id.hex()}")
    if claims.unrecorded_handoffs:
        text.append("; handoffs need no receipt", "warning")
    return text


def _tree(hops: Sequence[Hop], now_ms: int, fault: Refused | None, *, whole_ids: bool) -> Node | None:
    below = None if fault is None else Node([refused_line("✗", fault)])
    for hop in reversed(hops):
        lines = hop_lines(hop, now_ms, whole_ids=whole_ids)
        if hop.index and below is None:
            lines += may_lines(hop.link.scope)
        below = Node(lines, [below] if below else [])
    return below


def _recorded(hops: Sequence[Hop]) -> Text:
    leaf = hops[-1]
    if leaf.recorded_at_ms is not None:
        return Text(f"{moment(leaf.recorded_at_ms)}, as its receipt says")
    if leaf.index == 0:
        return Text("by the grant itself, which the service signed")
    return Text("no receipt for the last hop", "warning")


def print_verified(console: Console, trust_domain: str, feed_position: int | None) -> None:
    """Say that a chain was verified, and what that covers."""
    console.print(Text.assemble(("✓ Verified", "allowed"), f" in {visible(trust_domain)}"), soft_wrap=True)
    console.print(Text("  signatures, linkage, narrowing, time and statements hold", "quiet"), soft_wrap=True)
    if feed_position is None:
        console.print(Text("  revocations are NOT known offline: ask without --bundle", "warning"), soft_wrap=True)
    else:
        console.print(Text(f"  nothing in it is revoked, as of position {feed_position}", "quiet"), soft_wrap=True)
