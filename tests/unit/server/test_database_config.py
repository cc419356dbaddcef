"""`[database]`: one database, and a password that nobody gets to see."""

from __future__ import annotations

import pytest

from delegation.errors import ConfigError
from delegation.server.config import load_config
from delegation.server.config_sections import without_password

SECRET = "open-sesame"


def configured(tmp_path, **database):
    return load_config(None, dev=True, state_dir=tmp_path, database=database)


def test_without_a_url_the_database_is_a_file_in_the_state_directory(tmp_path):
    assert configured(tmp_path).shown()["database"] == {"path": str(tmp_path / "delegation.sqlite3")}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"postgresql://me:{SECRET}@db.example:5433/work", "postgresql://me:***@db.example:5433/work"),
        (f"postgres://me:{SECRET}@one:1,two:2/work", "postgres://me:***@one:1,two:2/work"),
        (
            f"postgresql:///work?host=/run/postgresql&password={SECRET}",
            "postgresql:///work?host=/run/postgresql&password=***",
        ),
        ("postgresql://me@db.example/work?sslmode=verify-full", "postgresql://me@db.example/work?sslmode=verify-full"),
    ],
)
def test_the_url_is_shown_without_its_password(tmp_path, url, shown):
    config = configured(tmp_path, url=url)
    assert config.shown()["database"]["url"] == shown
    assert SECRET not in f"{config.shown()} {config!r} {config.database!r} {config.database.model_dump_json()}"
    assert config.database.url.get_secret_value() == url
    assert without_password(shown) == shown


@pytest.mark.parametrize(
    ("database", "words"),
    [
        ({"url": f"mysql://me:{SECRET}@db/work"}, "no postgresql:// URL"),
        ({"url": f"postgresql+asyncpg://me:{SECRET}@db/work"}, "no postgresql:// URL"),
        ({"url": f"postgresql://me:{SECRET}/x@db/work"}, "cannot be read"),
        ({"url": f"postgresql://me:x/{SECRET}@one:1,two:2/work"}, "cannot be read"),
        ({"url": f"postgresql://me:x#{SECRET}@one:1,two:2/work"}, "cannot be read"),
        ({"url": SECRET}, "cannot be read"),
        ({"url": "postgresql://db/work", "path": "file"}, "two databases"),
        ({"password_file": "file"}, "database.url, which is missing"),
        ({"url": "postgresql://db/work", "pool_size": 0}, "greater than or equal to 1"),
    ],
)
def test_what_makes_no_sense_is_refused_without_a_word_of_the_url(tmp_path, database, words):
    with pytest.raises(ConfigError) as refused:
        configured(tmp_path, **database)
    assert words in str(refused.value)
    assert SECRET not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_url_that_cannot_be_read_is_not_shown_at_all():
    assert without_password(f"postgresql://me:x/{SECRET}@one:1,two:2/work") == "***"
