"""Policies from files: what is wrong with them, or the policy that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from delegation.core.trust import Catalogue
from delegation.errors import ConfigError
from delegation.policy.cedar import CedarPolicy
from delegation.policy.load import DEFAULT_POLICY, examine, load_policy, text_digest
from delegation.policy.rule import Rule, read_rule
from delegation.policy.source import POLICY_BYTES, Fault, Source, Written, rules_in
from delegation.policy.spelling import labels_without_a_rule

__all__ = [
    "Fault",
    "Written",
    "WrittenPolicy",
    "labels_without_a_rule",
    "load_policy_files",
    "policy_faults",
    "read_policy_files",
]


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


class WrittenPolicy(NamedTuple):
    """A policy as it is written, checked against nothing.

    Attributes:
        digest: SHA-256 of its text, by which decisions name it.
        rules: where each rule stands and its text, by its id; those that cannot be read are left out.
    """

    digest: bytes
    rules: Mapping[str, Written]

    @classmethod
    def of(cls, files: Sequence[Path]) -> Self:
        """Read it; without a file, the one that is shipped. Raises `ConfigError` if a file cannot be read."""
        sources = read_policy_files(files)
        read = (read_rule(written) for source in sources for written in rules_in(source))
        return cls(text_digest(sources), {rule.id: rule.written for rule in read if isinstance(rule, Rule)})


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
