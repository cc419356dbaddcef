"""Policies from files: what is wrong with them, or the policy that they make."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from delegation.core.trust import Catalogue
from delegation.errors import ConfigError
from delegation.policy.cedar import CedarPolicy
from delegation.policy.load import DEFAULT_POLICY, examine, load_policy
from delegation.policy.source import POLICY_BYTES, Fault, Source

__all__ = ["Fault", "load_policy_files", "policy_faults", "read_policy_files"]


def policy_faults(files: Sequence[Path], catalogue: Catalogue) -> tuple[Fault, ...]:
    """Find everything that is wrong with a policy.

    Raises:
        ConfigError: a file cannot be read, or the extra is not installed.
    """
    return examine([_source(file) for file in files], catalogue)[1]


def load_policy_files(files: Sequence[Path], catalogue: Catalogue) -> CedarPolicy:
    """Load a policy; without a file, the one that is shipped.

    Raises:
        ConfigError: a file cannot be read, something is wrong with it, or the extra is not installed.
    """
    return load_policy(read_policy_files(files), catalogue)


def read_policy_files(files: Sequence[Path]) -> tuple[Source, ...]:
    """Read a policy's text; without a file, the one that is shipped. Raises `ConfigError` if a file cannot be read."""
    return tuple(_source(file) for file in files or (DEFAULT_POLICY,))


def _source(file: Path) -> Source:
    try:
        with file.open("rb") as opened:
            content = opened.read(POLICY_BYTES + 1)  # one more than is read on: the policy is refused as too large
        return Source(str(file), content.decode())
    except FileNotFoundError:
        raise ConfigError(f"{file} does not exist: create it, or correct the path") from None
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}; check its permissions") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file} is not UTF-8 text: correct it") from None
