"""`delegation verify`: checks a token as a tool would, and says what was checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from delegation.cli.options import Json, ProfileFile, Token

if TYPE_CHECKING:
    from delegation.cli.verification import Checked
    from delegation_sdk.sources import Sources


def verify(
    token: Token,
    *,
    bundle: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default=False, help="Verify offline, by this trust bundle. Not revocations."),
    ] = None,
    root: Annotated[
        str,
        typer.Option(
            metavar="KEY",
            show_default=False,
            help="With --bundle: the root key that signed it, in base64url; else the profile's.",
        ),
    ] = "",
    ids: Annotated[bool, typer.Option("--ids", help="Show the ids of links.")] = False,
    act: Annotated[
        bool, typer.Option("--act", help="Print the verified chain as OAuth's nested act claims, for information.")
    ] = False,
    json: Json = False,
    profile: ProfileFile = None,
) -> None:
    """Verify a token's chain: signatures, linkage, narrowing, time, receipt, revocation.

    Whether it permits one call is another question, which a tool's guard decides.
    """
    from delegation.cli import exit_codes
    from delegation.cli.token_input import read_token
    from delegation.errors import Refused
    from delegation_sdk.sources import Sources

    if root and bundle is None:
        raise typer.BadParameter("--root goes with --bundle: online, the profile names the root key")
    sources = Sources.system()
    try:
        checked: Checked = _check(read_token(token), bundle, root, profile, sources)
    except Refused as error:
        if not json and not act:
            raise
        from delegation.cli.terminal import print_json
        from delegation.cli.views.plain import plain_refusal

        print_json({"verified": False, "refusal": plain_refusal(error)})
        raise typer.Exit(exit_codes.code_of(error)) from None
    if act:
        from delegation.cli.terminal import print_json
        from delegation.core.act import act_claims

        print_json(act_claims(checked.chain, now_ms=sources.now_ms()))
    else:
        _show(checked, sources.now_ms(), ids=ids, json=json)


def _check(token: bytes, bundle: Path | None, root: str, profile: Path | None, sources: Sources) -> Checked:
    from delegation.cli.connection import quiet_grpc

    quiet_grpc()
    from delegation.cli.verification import parse_root, verify_offline, verify_with_service
    from delegation_sdk.profile import Profile

    if bundle is None:
        return verify_with_service(token, Profile.find(profile), sources)
    return verify_offline(token, bundle, parse_root(root) if root else Profile.find(profile).trust_root, sources)


def _show(checked: Checked, now_ms: int, *, ids: bool, json: bool) -> None:
    from delegation.cli.hops import hops_of
    from delegation.cli.terminal import console, print_json
    from delegation.cli.views.chain_tree import print_chain, print_verified
    from delegation.cli.views.plain import plain_chain

    hops = hops_of(checked.chain, now_ms)
    if json:
        print_json(
            {
                "verified": True,
                "trust_domain": checked.trust_domain,
                "revocations_known_to": checked.feed_position,
                **plain_chain(hops),
            }
        )
        return
    out = console()
    print_verified(out, checked.trust_domain, checked.feed_position)
    out.print()
    print_chain(out, hops, now_ms, whole_ids=ids)
