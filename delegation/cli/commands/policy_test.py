"""`delegation policy test`: does a policy decide as it is meant to? Needs no service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from delegation.cli.options import Json


def test(
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False, help="The cases, a TOML file.")],
    json: Json = False,  # noqa: PT028 - a command, not a test
) -> None:
    """Ask a policy the questions of a file, and compare its verdicts with the expected ones.

    The file names the policy and the catalogue. Exits with 1 if a verdict is another than the expected one.
    """
    from datetime import UTC, datetime

    from delegation.app.policy_files import load_policy_files
    from delegation.cli.exit_codes import REFUSED
    from delegation.cli.policy_cases import CasesFile
    from delegation.cli.views.policy import plain_results, print_results
    from delegation.core.trust import Catalogue
    from delegation.server.catalogue_file import load_catalogue

    found = CasesFile(file)
    catalogue = load_catalogue(found.catalogue) if found.catalogue is not None else Catalogue()
    policy = load_policy_files(found.policy, catalogue)
    results = [(case, policy.decide(case.question)) for case in found.cases(catalogue, datetime.now(UTC))]
    if json:
        from delegation.cli.terminal import print_json

        print_json({"digest": policy.digest.hex(), "cases": plain_results(results)})
    else:
        from delegation.cli.terminal import console

        print_results(console(), results)
    if not all(case.holds(verdict) for case, verdict in results):
        raise typer.Exit(REFUSED)
