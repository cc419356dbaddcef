"""`delegation policy check`: is this a policy, for these tools? Needs no service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from delegation.cli.options import Json

CatalogueFile = Annotated[
    Path | None,
    typer.Option(
        "--catalogue",
        metavar="FILE",
        show_default=False,
        help="The catalogue of tools that the rules are about; else no tool is listed.",
    ),
]


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", show_default=False, help="The policy's Cedar files.")],
    catalogue: CatalogueFile = None,
    json: Json = False,
) -> None:
    """Type-check a policy against the catalogue; say what is wrong where.

    The files are one policy: it is taken whole, or refused whole. Exits with 3 if there is something to put right.
    Labels of the catalogue that no rule names are told: nothing follows from reading what has them.
    """
    from delegation.app.policy_files import labels_without_a_rule, load_policy_files, policy_faults
    from delegation.cli.exit_codes import CONFIG
    from delegation.cli.views.policy import plain_faults, print_faults, print_policy, print_unnamed_labels
    from delegation.core.trust import Catalogue
    from delegation.server.catalogue_file import load_catalogue

    tools = load_catalogue(catalogue) if catalogue is not None else Catalogue()
    faults = policy_faults(files, tools)
    policy = None if faults else load_policy_files(files, tools)
    unnamed = labels_without_a_rule(policy.rules, tools) if policy else ()
    if json:
        from delegation.cli.terminal import print_json

        print_json(
            {
                "digest": policy.digest.hex() if policy else None,
                "rules": [rule.id for rule in policy.rules] if policy else None,
                "faults": plain_faults(faults),
                "labels_without_a_rule": list(unnamed),
            }
        )
    else:
        from delegation.cli.terminal import console

        out = console()
        print_faults(out, faults)
        if policy is not None:
            print_policy(out, len(policy.rules), policy.digest)
            print_unnamed_labels(out, unnamed)
    if faults:
        raise typer.Exit(CONFIG)
