"""`delegation inspect`: what a token says. Needs no service, and verifies nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from delegation.cli.options import Json, Token


def inspect(
    token: Token,
    json: Json = False,
    ids: Annotated[bool, typer.Option("--ids", help="Show the ids of links.")] = False,
) -> None:
    """Draw a token's chain: who, to whom, until when, and what each hop took away.

    Nothing is verified: this is what the token says. `delegation verify` checks it.
    """
    from delegation.cli import exit_codes
    from delegation.cli.hops import claims_of
    from delegation.cli.token_input import read_token
    from delegation.core.codec import parse_token
    from delegation_sdk.sources import Sources

    now_ms = Sources.system().now_ms()
    claims = claims_of(parse_token(read_token(token)), now_ms)
    if json:
        from delegation.cli.terminal import print_json
        from delegation.cli.views.plain import plain_chain, plain_refusal

        fault = plain_refusal(claims.fault) if claims.fault else None
        print_json({"verified": False, **plain_chain(claims.hops), "fault": fault})
    else:
        from delegation.cli.terminal import console
        from delegation.cli.views.chain_tree import print_chain

        out = console()
        out.print("Not verified: this is what the token says.", style="warning")
        out.print()
        print_chain(out, claims.hops, now_ms, fault=claims.fault, whole_ids=ids)
    if claims.fault is not None:
        raise typer.Exit(exit_codes.REFUSED)
