"""`delegation doctor`: what is wrong with this service's set-up, or about to be, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from delegation.cli.commands.serve import ConfigFile, Development, Listen, StateDirectory
from delegation.cli.exit_codes import CONFIG
from delegation.cli.options import Json

if TYPE_CHECKING:
    from delegation.app.doctor import Finding


def doctor(
    config: ConfigFile = None,
    dev: Development = False,
    listen: Listen = None,
    state_dir: StateDirectory = None,
    *,
    profile: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", show_default=False, help="Look from a client's side, too, with this client's profile."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Look at configuration, keys, trust bundle, certificates, database, disk and port; change nothing.

    Give the same options as to `delegation serve`; it may run meanwhile or not. Exits with 3 if there is a problem, and
    with 0 if there are at most warnings.
    """
    from delegation.app.doctor import Level

    options = {"dev": dev or None, "listen": listen, "state_dir": state_dir}
    findings = []
    for finding in _all(config, options, profile):
        findings.append(finding)
        if not json:
            _print(finding)
    if json:
        from delegation.cli.terminal import print_json
        from delegation.cli.views.findings import plain_findings

        print_json(plain_findings(findings))
    if any(finding.level is Level.PROBLEM for finding in findings):
        raise typer.Exit(CONFIG)


def _all(config: Path | None, options: dict[str, Any], profile: Path | None) -> Iterator[Finding]:
    """Look from the service's side, and from a client's if one is named."""
    from delegation.app.doctor import examine, from_error, ok
    from delegation.errors import ConfigError
    from delegation.server.config import load_config_with_origins

    try:
        configured, origins = load_config_with_origins(config, **options)
    except ConfigError as error:
        yield from_error("configuration", error)
    else:
        yield ok("configuration", str(origins.file or "no file; defaults and environment"))
        yield from examine(configured)
    if profile is not None:
        from delegation.cli.connection import quiet_grpc

        quiet_grpc()
        from delegation.cli.client_checks import check_as_client

        yield from check_as_client(profile)


def _print(finding: Finding) -> None:
    from delegation.cli.terminal import console
    from delegation.cli.views.findings import print_finding

    print_finding(console(), finding)
