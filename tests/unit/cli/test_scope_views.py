"""What was used and what is suggested, drawn: within the screen, whatever others wrote."""

from __future__ import annotations

import io
import tomllib

from rich.console import Console

from delegation.cli.terminal import THEME
from delegation.cli.views.suggested_scope import print_suggestion, print_toml
from delegation.cli.views.unused_scope import print_unused
from delegation.core.arguments import Arguments
from delegation.core.chain import Principal, PrincipalBasis
from delegation.core.kept_arguments import KeptArguments
from delegation.core.lineage import RecordedTask
from delegation.core.notation import scope_from_plain
from delegation.core.scope import Scope, any_call, tool
from delegation_sdk.least_privilege.observed import Observations, ObservedCall
from delegation_sdk.least_privilege.suggestion import suggestion_from
from delegation_sdk.least_privilege.unused import LinkUse, TaskUse
from delegation_sdk.sources import Sources

HOSTILE = "\x1b[2J\u202eevil\n\x9b"
TASK = RecordedTask(bytes(16), HOSTILE, Principal("ada", "idp", PrincipalBasis.ASSERTED), "spiffe://a/b", 1, 2)


def test_unused_scope_does_nothing_to_a_terminal(screen):
    many = Scope(*(tool("files", f"t{n}", path=HOSTILE) for n in range(30)), any_call("files", HOSTILE))
    link = LinkUse(bytes(32), None, 0, HOSTILE, False, many, {("files", "t1"): 1, ("files", "t2"): 4_000})
    child = LinkUse(b"\1" * 32, bytes(32), 1, "spiffe://a/c", True, Scope(), {})
    drawn = screen(print_unused, TASK, TaskUse((link, child), 4_001, 3, more=True))
    assert "29 of 31 tools never used" in drawn
    assert "used  files.t2  4,000 times" in drawn
    assert "may nothing" in drawn
    assert "… and 5 more" in drawn
    assert "not looked at" in drawn


def suggestion(**kept):
    observed = Observations()
    arguments = KeptArguments(Arguments.of(kept).values, {}, 0)
    observed.calls.append(ObservedCall(bytes(16), ("files", "read"), arguments, None, None))
    observed.calls.append(ObservedCall(bytes(16), ("files", "write"), None, None, None))
    observed.tasks = 1
    return suggestion_from(observed, Sources.system(), more_tasks=True)


def test_a_suggestion_does_nothing_to_a_terminal_and_its_toml_reads_back(screen):
    found = suggestion(path=HOSTILE)
    drawn = screen(print_suggestion, found, HOSTILE)
    assert "It permits 2 of the 2 calls of 1 task" in drawn.replace("\n", " ")
    file = io.StringIO()
    print_toml(Console(file=file, width=80, theme=THEME, highlight=False, markup=False, emoji=False), found, HOSTILE)
    toml = file.getvalue()  # never wrapped: it must read back
    assert all(character == "\n" or character.isprintable() for character in toml)
    assert scope_from_plain(tomllib.loads(toml)["scope"]) == found.scope


def test_nothing_to_suggest_is_said_so(screen):
    drawn = screen(print_suggestion, suggestion_from(Observations(), Sources.system()), HOSTILE)
    assert drawn.startswith("Nothing to suggest")
