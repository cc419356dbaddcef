"""Live tools into the operator's catalogue: what is written stays, hints only raise, and single lines are changed."""

from __future__ import annotations

import pytest

from delegation.core.tool_hints import Hints
from delegation.core.trust import Effect
from delegation.errors import ConfigError
from delegation.server.catalogue_edit import edited, write_catalogue
from delegation.server.catalogue_file import catalogue_of_text
from delegation.server.catalogue_import import LiveTool, imported

PIN, OTHER = b"\1" * 32, b"\2" * 32
FILE = """\
# ours
[[tool]]
audience = "files"
name = "read"            # the one
owner = "team-storage"
effects = [              # reviewed
  "read",
]  # by ada
labels = ["public"]
local = true             # fast

[[tool]]
audience = "mail"
name = "read"
owner = "team-mail"
effects = ["read"]
"""


def taken(text, *live, **options):
    catalogue = catalogue_of_text(text, "x")
    found = imported(catalogue, "files", live, owner="new team", **options)
    return found, edited(text, found.entries.values())


def entry(text, name="read", audience="files"):
    return catalogue_of_text(text, "x").find(audience, name)


def test_what_the_operator_wrote_stays_and_the_manifest_is_pinned():
    found, after = taken(FILE, LiveTool("read", Hints(), PIN))
    assert (found.pinned, found.new, found.raised, found.changed, found.gone) == (["read"], [], [], [], [])
    assert after == FILE.replace("# fast\n", f'# fast\nmanifest_digest = "{PIN.hex()}"\n')
    assert entry(after) == entry(FILE)._replace(manifest_digest=PIN)
    again, same = taken(after, LiveTool("read", Hints(), PIN))
    assert (same, again.pinned) == (after, [])


def test_a_tool_stays_under_observation():
    line = "observe_until = 2026-12-24T00:00:00Z  # until we know\n"
    _, after = taken(FILE.replace("[[tool]]\n", f"[[tool]]\n{line}", 1), LiveTool("read", Hints(destructive=True), PIN))
    assert line in after
    assert entry(after).observe_until_ms == 1_798_070_400_000


@pytest.mark.parametrize(
    ("hints", "effects"),
    [
        (Hints(read_only=False), {"read", "write"}),
        (Hints(destructive=True), {"read", "write", "destructive"}),
        (Hints(open_world=True), {"read", "external"}),
        (Hints(False, True, True), {"read", "write", "destructive", "external"}),
        (Hints(read_only=True, destructive=True), {"read", "write", "destructive"}),
    ],
)
def test_hints_of_danger_raise_what_is_written_and_such_a_tool_is_not_local_any_more(hints, effects):
    found, after = taken(FILE, LiveTool("read", hints, PIN))
    assert found.raised == ["read"]
    assert entry(after).effects == effects
    assert not entry(after).local
    assert entry(after).labels == {"public"}
    assert "# by ada" in after
    assert entry(after, audience="mail") == entry(FILE, audience="mail")


@pytest.mark.parametrize("hints", [Hints(), Hints(read_only=True), Hints(True, False, False), Hints(True, None, False)])
def test_hints_of_harmlessness_lower_nothing(hints):
    written = FILE.replace('"read",\n]', '"read", "destructive", "spends",\n]').replace("local = true", "local = false")
    found, after = taken(written, LiveTool("read", hints, PIN))
    assert found.raised == []
    assert entry(after).effects == {"read", "destructive", "spends"}


def test_a_new_tool_is_the_most_dangerous_kind_whatever_it_hints_at():
    found, after = taken(FILE, LiveTool("list", Hints(True, False, False), PIN))
    assert (found.new, found.gone) == (["list"], ["read"])
    new = entry(after, "list")
    assert (new.effects, new.labels, new.local) == (frozenset(Effect), {"secret"}, False)
    assert (new.owner, new.manifest_digest) == ("new team", PIN)
    assert after.startswith(FILE)


@pytest.mark.parametrize(
    ("hints", "effects"),
    [
        (Hints(True, None, False), {"read"}),
        (Hints(True), {"read", "external"}),
        (Hints(), {"read", "write", "destructive", "external"}),
        (Hints(False, False, False), {"read", "write"}),
        (Hints(True, True, False), {"read", "write", "destructive"}),
    ],
)
def test_a_new_tool_is_what_trusted_hints_say_and_what_they_leave_open_is_the_worse(hints, effects):
    _, after = taken("", LiveTool("list", hints, PIN), trust_hints=True)
    assert entry(after, "list").effects == effects
    assert entry(after, "list").labels == {"secret"}


def test_a_changed_manifest_is_told_of_and_pinned_only_if_that_is_accepted():
    _, pinned = taken(FILE, LiveTool("read", Hints(), PIN))
    found, after = taken(pinned, LiveTool("read", Hints(), OTHER))
    assert (found.changed, after) == (["read"], pinned)
    found, after = taken(pinned, LiveTool("read", Hints(), OTHER), accept_changes=True)
    assert (found.changed, entry(after).manifest_digest) == (["read"], OTHER)
    assert after == pinned.replace(PIN.hex(), OTHER.hex())


@pytest.mark.parametrize("name", ['a"b', "a\\b", "é", "\u4e2d", "\U0001f600", "a = 1", "[[tool]]", "x" * 128])
def test_a_name_of_any_kind_is_written_such_that_it_reads_back(name):
    _, after = taken(FILE, LiveTool(name, Hints(), PIN))
    assert after.isascii()
    assert entry(after, name).tool == name


@pytest.mark.parametrize(
    "text",
    [
        'tool = [{ audience = "files", name = "read", owner = "a", effects = ["read"] }]\n',
        '[["tool"]]\naudience = "files"\nname = "read"\nowner = "a"\neffects = ["read"]\n',
        '[[tool]]\naudience = "files"\nname = "read"\neffects = ["read"]\nowner = """\n[[tool]]\n"""\n',
        "[[tool]]\n",
        "nonsense",
    ],
)
def test_a_file_whose_lines_cannot_be_changed_one_by_one_is_left_alone(text):
    with pytest.raises(ConfigError):
        taken(text, LiveTool("read", Hints(), PIN))


def test_windows_line_ends_are_kept_where_nothing_changes():
    crlf = FILE.replace("\n", "\r\n")
    _, after = taken(crlf, LiveTool("read", Hints(), PIN))
    assert entry(after).manifest_digest == PIN
    assert after.replace(f'manifest_digest = "{PIN.hex()}"\n', "") == crlf


def test_a_file_is_written_whole_and_keeps_its_mode(tmp_path):
    file = tmp_path / "tools.toml"
    write_catalogue(file, "a")
    file.chmod(0o640)
    write_catalogue(file, "b\n")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("b\n", 0o640)
    assert [path.name for path in tmp_path.iterdir()] == ["tools.toml"]
    with pytest.raises(ConfigError, match="cannot write"):
        write_catalogue(tmp_path / "missing" / "tools.toml", "c")
