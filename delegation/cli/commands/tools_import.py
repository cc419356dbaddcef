"""`delegation tools import`: a live MCP server's tools, into the operator's catalogue or compared with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from delegation.cli.options import Json, ProfileFile

if TYPE_CHECKING:
    from collections.abc import Iterable

    from delegation.server.catalogue_import import Import, LiveTool

_TOML: Final = "# What delegation tools import found; every word of it is the operator's to put right.\n"


def import_tools(
    target: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SERVER…",
            show_default=False,
            help="A URL; or, after --, the command of a server on stdin and stdout.",
        ),
    ] = None,
    *,
    audience: Annotated[str, typer.Option(show_default=False, help="The audience of the server's tools.")],
    catalogue: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default=False, help="The catalogue to write to; without it, prints entries."),
    ] = None,
    owner: Annotated[str, typer.Option(show_default=False, help="Who answers for tools that are new.")] = "",
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 1 if a tool is not the one that is pinned.")
    ] = False,
    trust_hints: Annotated[
        bool,
        typer.Option("--trust-hints", help="New tools do what the server says; else they are the most dangerous kind."),
    ] = False,
    accept_changes: Annotated[
        bool, typer.Option("--accept-changes", help="Pin the manifests of tools that have changed, too.")
    ] = False,
    reported: Annotated[
        bool, typer.Option("--reported", help="Tools as their guards have told the service; no SERVER is asked.")
    ] = False,
    timeout: Annotated[float, typer.Option(min=1, max=600, help="Seconds for all of it.")] = 30,
    json: Json = False,
    profile: ProfileFile = None,
) -> None:
    """Take the tools of a live MCP server into the catalogue, each with the digest of its manifest.

    What the catalogue says stays; hints of the server raise what a tool may do, and never lower it. No tool is called.
    """
    from delegation.cli.exit_codes import REFUSED
    from delegation.core.names import is_name
    from delegation.core.trust import Catalogue
    from delegation.server.catalogue_edit import edited, write_catalogue
    from delegation.server.catalogue_file import catalogue_of_text
    from delegation.server.catalogue_import import imported

    if check and catalogue is None:
        raise typer.BadParameter("--check compares with a catalogue: --catalogue FILE")
    if reported == bool(target):
        raise typer.BadParameter("say which server, or --reported")
    if reported and trust_hints:
        raise typer.BadParameter("--trust-hints is for a live server: reports have no hints of harmlessness")
    if not is_name(audience):
        raise typer.BadParameter("an audience is a name that can be printed, of at most 512 bytes")
    text = _read(catalogue, must_exist=check)
    listed = catalogue_of_text(text, str(catalogue)) if text else Catalogue()
    found = imported(
        listed,
        audience,
        _reported(audience, profile) if reported else _live(target or [], timeout),
        owner=owner,
        trust_hints=trust_hints,
        accept_changes=accept_changes and not check,
    )
    if reported:
        found.gone.clear()  # that nobody has told of a tool does not say that it is gone
    if found.new and not owner and not check:
        raise typer.BadParameter(f"say who answers for new tools, {len(found.new)} of them: --owner")
    after = "" if check else edited(text, found.entries.values())
    if catalogue is not None and not check and after != text:
        write_catalogue(catalogue, after)
    _print(found, None if check or catalogue is not None else after, json=json)
    if found.changed and not (accept_changes and not check):
        raise typer.Exit(REFUSED)


def _live(target: list[str], timeout: float) -> Iterable[LiveTool]:
    from delegation.cli.mcp_listing import live_tools

    return live_tools(target, timeout)


def _reported(audience: str, profile: Path | None) -> Iterable[LiveTool]:
    """Give the tools of an audience as guards have told the service. For operators and auditors."""
    from delegation.cli.connection import connected
    from delegation.cli.reported_tools import tools_in

    with connected(profile) as client:
        return tools_in(each for each in client.tool_reports() if each.audience == audience)


def _read(catalogue: Path | None, *, must_exist: bool) -> str:
    """Read the catalogue as it is, line ends too; a file that is not there yet is empty. Raises `ConfigError`."""
    from delegation.errors import ConfigError

    if catalogue is None:
        return ""
    try:
        return catalogue.read_bytes().decode()
    except FileNotFoundError:
        if must_exist:
            raise ConfigError(f"{catalogue} does not exist: create it, or correct the path") from None
        return ""
    except OSError as error:
        raise ConfigError(f"cannot read {catalogue}: {error.strerror}; check its permissions") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{catalogue} is not TOML: it is no UTF-8; correct it") from None


def _print(found: Import, entries: str | None, *, json: bool) -> None:
    from delegation.cli.terminal import console, print_json

    if json:
        from delegation.cli.views.imported_tools import plain_import

        print_json(plain_import(found))
        return
    if entries is not None:
        console().print(_TOML + entries, soft_wrap=True, end="")
        return
    from delegation.cli.views.imported_tools import print_import

    print_import(console(), found)
