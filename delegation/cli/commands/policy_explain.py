"""`delegation policy explain`: which rules decided a call, as they are written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from delegation.cli.options import Json, ProfileFile

PolicyFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--policy", metavar="FILE", show_default=False, help="The policy's Cedar files; else the one that is shipped."
    ),
]


def explain(
    call: Annotated[str, typer.Argument(metavar="CALL", show_default=False, help="The id of a call.")],
    policy: PolicyFiles = None,
    json: Json = False,
    profile: ProfileFile = None,
) -> None:
    """Show the rules that decided a recorded call, with their text.

    The files must be those that the call was decided by, to the byte. Exits with 3 if they are not.
    """
    from delegation.app.policy_files import WrittenPolicy
    from delegation.cli.connection import connected
    from delegation.cli.identifiers import parse_id
    from delegation.cli.terminal import console, print_json
    from delegation.cli.views.policy_explanation import plain_rules, print_rules
    from delegation.core.limits import CALL_ID_BYTES
    from delegation.errors import ConfigError

    call_id = parse_id(call, CALL_ID_BYTES, "call")
    written = WrittenPolicy.of(policy or [])
    with connected(profile) as client:
        found = client.lineage.explain_call(call_id).call
    if found.policy_digest and found.policy_digest != written.digest:
        named = "these files" if policy else "the shipped policy"
        raise ConfigError(
            f"the call was decided by the policy {found.policy_digest.hex()}, {named} are {written.digest.hex()}:"
            " give the files of then with --policy"
        )
    if json:
        print_json(plain_rules(found, written.rules))
    else:
        print_rules(console(), found, written.rules)
