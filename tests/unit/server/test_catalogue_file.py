from __future__ import annotations

import pytest

from delegation.core.trust import Effect, Recording
from delegation.errors import ConfigError
from delegation.server.catalogue_file import load_catalogue

READ = """
[[tool]]
audience = "files"
name = "read"
owner = "team-storage"
effects = ["read"]
labels = ["public"]
local = true
"""
REFUND = """
[[tool]]
audience = "billing"
name = "refund"
owner = "team-billing"
effects = ["write", "spends"]
labels = ["personal", "financial"]
"""


@pytest.fixture
def load(tmp_path):
    def load(text):
        (tmp_path / "tools.toml").write_text(text)
        return load_catalogue(tmp_path / "tools.toml")

    return load


def test_each_tool_is_listed_as_the_operator_wrote_it(load):
    catalogue = load(READ + REFUND)
    read, refund = catalogue.find("files", "read"), catalogue.find("billing", "refund")
    assert read is not None
    assert refund is not None
    assert (read.effects, read.labels, read.owner) == ({Effect.READ}, {"public"}, "team-storage")
    assert (refund.effects, refund.labels) == ({Effect.WRITE, Effect.SPENDS}, {"personal", "financial"})
    assert catalogue.is_local("files", "read")
    assert not catalogue.is_local("billing", "refund")


def test_a_tool_that_is_not_listed_is_not_local(load):
    catalogue = load(READ)
    assert catalogue.find("files", "write") is None
    assert not catalogue.is_local("files", "write")
    assert not catalogue.is_local("other", "read")


def test_an_empty_file_lists_nothing(load):
    assert not load("").is_local("files", "read")


@pytest.mark.parametrize(
    "effects", ['["write"]', '["read", "write"]', '["read", "external"]', '["spends"]', '["privilege", "read"]']
)
def test_only_a_tool_that_just_reads_may_be_local(load, effects):
    with pytest.raises(ConfigError, match=r'only a tool with effects = \["read"\] may be local'):
        load(READ.replace('["read"]', effects))


@pytest.mark.parametrize("labels", ['["personal"]', '["public", "secret"]', '["own-label"]'])
def test_only_a_tool_with_public_results_may_be_local(load, labels):
    with pytest.raises(ConfigError, match="only a tool with public results may be local"):
        load(READ.replace('["public"]', labels))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (READ + READ, "twice"),
        (READ.replace('owner = "team-storage"\n', ""), r"tool\[0\]\.owner is missing"),
        (READ.replace('audience = "files"\n', ""), r"tool\[0\]\.audience is missing"),
        (READ.replace('"files"', '""'), r"tool\[0\]\.audience is refused"),
        (READ.replace('effects = ["read"]\n', ""), r"tool\[0\]\.effects is missing"),
        (READ.replace('["read"]', "[]"), r"tool\[0\]\.effects is refused"),
        (READ.replace('["read"]', '["reads"]'), r"tool\[0\]\.effects"),
        (READ.replace('["public"]', '["Public"]'), r"tool\[0\]\.labels"),
        (
            READ + REFUND.replace("owner", "ownr"),
            r"tool\[1\]\.ownr is not a setting: did you mean owner|owner is missing",
        ),
        ("[[tools]]\n", "tools is not a setting: did you mean tool"),
        ("[[tool]", "is not TOML"),
        ("tool = 3", "tool is refused"),
    ],
)
def test_a_wrong_catalogue_is_one_line_with_file_key_and_what_to_do(load, tmp_path, text, says):
    with pytest.raises(ConfigError, match=says) as refused:
        load(text)
    assert str(tmp_path / "tools.toml") in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_catalogue_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        load_catalogue(tmp_path / "tools.toml")


def test_how_old_the_feed_may_be_is_said_for_a_tool_or_left_to_its_effects(load):
    catalogue = load(READ.replace("local = true", "local = true\nmaximum_feed_age_ms = 5_000") + REFUND)
    assert catalogue.maximum_feed_age_ms("files", "read") == 5_000
    assert catalogue.maximum_feed_age_ms("billing", "refund") == 30_000
    assert catalogue.maximum_feed_age_ms("billing", "unlisted") == 30_000


@pytest.mark.parametrize("age_ms", ["-1", "600_001", '"long"'])
def test_an_age_of_the_feed_that_may_never_be_is_refused(load, age_ms):
    with pytest.raises(ConfigError, match="maximum_feed_age_ms"):
        load(READ.replace("local = true", f"maximum_feed_age_ms = {age_ms}"))


def test_how_arguments_are_kept_and_the_pinned_manifest_are_read(load):
    pinned = READ + 'record = { path = "plain", reader = "digest" }\nmanifest_digest = "' + "0f" * 32 + '"\n'
    read = load(pinned).find("files", "read")
    assert read.recorded == (("path", Recording.PLAIN), ("reader", Recording.DIGEST))
    assert read.manifest_digest == b"\x0f" * 32
    bare = load(READ).find("files", "read")
    assert (bare.recorded, bare.manifest_digest) == ((), b"")


@pytest.mark.parametrize(
    "line",
    [
        'record = { path = "drop" }',
        'record = { "" = "plain" }',
        'manifest_digest = "0F"',
        "record = 1",
        "manifest_required = true",
    ],
)
def test_other_ways_of_keeping_arguments_are_refused(load, line):
    with pytest.raises(ConfigError):
        load(f"{READ}{line}\n")


@pytest.mark.spec("T-39")
@pytest.mark.parametrize("written", ["2026-12-24T00:00:00Z", "2026-12-24 01:00:00+01:00"])
def test_until_when_a_tool_is_under_observation_is_a_moment(load, written):
    (tool,) = load(f"{READ}observe_until = {written}\n").tools
    assert tool.observe_until_ms == 1_798_070_400_000


def test_a_tool_is_not_under_observation_unless_that_is_said(load):
    assert [tool.observe_until_ms for tool in load(READ + REFUND).tools] == [0, 0]


@pytest.mark.parametrize(
    "written", ["2026-12-24T00:00:00", "2026-12-24", '"2026-12-24T00:00:00Z"', "1798070400", "true", "07:32:00"]
)
def test_a_moment_that_could_be_another_elsewhere_is_refused(load, written):
    with pytest.raises(ConfigError, match="observe_until"):
        load(f"{READ}observe_until = {written}\n")
