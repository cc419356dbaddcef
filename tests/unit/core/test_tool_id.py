"""Names of tools: one text for one tool, and the most dangerous kind for what nobody listed."""

from hypothesis import given
from hypothesis import strategies as st

from delegation.core.names import is_name
from delegation.core.tool_id import tool_id
from delegation.core.trust import Catalogue, CatalogueTool, Effect
from delegation.core.unlisted import entry_of

names = st.text(st.sampled_from("ab.%25E/"), min_size=1, max_size=8)


def test_plain_names_stay_as_they_are():
    assert tool_id("files", "read") == "files.read"
    assert tool_id("files", "v2.read") == "files.v2.read"


@given(names, names, names, names)
def test_two_tools_never_share_one_text(audience, tool, other_audience, other_tool):
    same = (audience, tool) == (other_audience, other_tool)
    assert (tool_id(audience, tool) == tool_id(other_audience, other_tool)) is same
    assert is_name(tool_id(audience, tool))


def test_a_dot_on_the_other_side_is_another_tool():
    assert tool_id("a", "b.c") != tool_id("a.b", "c")


def test_what_is_not_listed_may_do_and_return_anything():
    entry = entry_of(Catalogue(), "files", "read")
    assert entry.effects == frozenset(Effect)
    assert entry.labels == {"secret"}
    assert not entry.local


def test_what_is_listed_is_what_the_catalogue_says():
    listed = CatalogueTool("files", "read", frozenset({Effect.READ}), local=True)
    assert entry_of(Catalogue((listed,)), "files", "read") is listed
