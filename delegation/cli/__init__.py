"""The `delegation` command.

    commands/   one command a file: reads arguments, fetches, and hands values to a view
    views/      values to what is seen: text for people, plain data for `--json`; no fetching, no files

Importing this loads neither gRPC, SQL nor rich: `delegation --help` answers at once.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code, one of `exit_codes`.

    Args:
        arguments: Without the program's name; None: the process's own.
    """
    from delegation.cli.outcome import run

    return run(arguments)
