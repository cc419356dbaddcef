"""What is wrong with a file of settings, in one line that says where it is and what to do."""

from __future__ import annotations

import difflib
import tomllib
from typing import TYPE_CHECKING, Any, Final

from delegation.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_REFUSED: Final = "is refused: "


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        ConfigError: It is missing, unreadable or not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist: create it, or correct the path") from None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; check its permissions") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}; correct it") from None


def config_error(
    error: ValidationError, place: Callable[[tuple[int | str, ...]], str], known: Iterable[str]
) -> ConfigError:
    """Make one line of everything a validation found: the first in full, the others counted.

    Args:
        error: What was found. The values themselves are never shown: one may be a secret.
        place: Names the file or variable that a key came from.
        known: The names of all keys, to suggest one for a misspelt one.
    """
    # A misspelt key comes before the missing one that it was meant for.
    first, *others = sorted(
        error.errors(include_url=False, include_input=False), key=lambda one: one["type"] != "extra_forbidden"
    )
    location = first["loc"]
    what = _what(first, known)
    text = f"{place(location)}: " + (f"{dotted(location)} {what}" if location else what.removeprefix(_REFUSED))
    if others:
        text += f" (and {len(others)} more)"
    return ConfigError(" ".join(text.split()))


def dotted(location: tuple[int | str, ...]) -> str:
    """Write the path of a key: `identities[0].roles`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _what(details: ErrorDetails, known: Iterable[str]) -> str:
    match details["type"]:
        case "missing":
            return "is missing: set it"
        case "extra_forbidden":
            close = difflib.get_close_matches(str(details["loc"][-1]), known, n=1)
            return "is not a setting: " + (f"did you mean {close[0]}?" if close else "remove it")
        case "value_error":
            return f"{_REFUSED}{details['ctx']['error']}"
        case _:
            return f"{_REFUSED}{details['msg']}; correct it"
