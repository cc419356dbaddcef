"""`delegation why`: hop by hop, why a call was allowed or refused."""

from __future__ import annotations

from typing import Annotated

import typer

from delegation.cli.options import Json, ProfileFile


def why(
    call: Annotated[str, typer.Argument(metavar="CALL", show_default=False, help="The id of a call.")],
    json: Json = False,
    profile: ProfileFile = None,
) -> None:
    """Tell in a few lines why a call was allowed or refused, hop by hop."""
    from delegation.cli.connection import connected
    from delegation.cli.consent import request_behind
    from delegation.cli.hops import hops_of_records
    from delegation.cli.identifiers import parse_id
    from delegation.cli.terminal import console, print_json
    from delegation.cli.views.approval import plain_request
    from delegation.cli.views.call_explanation import plain_verdicts, print_explanation, verdicts
    from delegation.cli.views.plain import plain_call, plain_task
    from delegation.cli.views.reasons import meaning
    from delegation.core.limits import CALL_ID_BYTES
    from delegation_sdk.sources import Sources

    call_id = parse_id(call, CALL_ID_BYTES, "call")
    with connected(profile) as client:
        explained = client.lineage.explain_call(call_id)
        request = request_behind(client, explained.call)
    hops = hops_of_records(explained.links)
    if not json:
        print_explanation(console(), explained.call, hops, Sources.system().now_ms(), request)
        return
    refused = explained.call.refusal
    print_json(
        {
            "call": plain_call(explained.call),
            "task": plain_task(explained.task) if explained.task else None,
            "hops": plain_verdicts(verdicts(explained.call, hops)),
            "meaning": meaning(refused) if refused else None,
            "approval": plain_request(request) if request else None,
        }
    )
