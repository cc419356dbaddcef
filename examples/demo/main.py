"""The demo: the whole promise, on real processes, real files and real messages. Every step is asserted.

    make demo      or      python examples/demo/main.py

Exit code 0: all was as told. 1: a surprise, with the step in which it came and where the logs are.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str] | None = None) -> int:
    """Play the story; return the exit code."""
    examples = str(Path(__file__).resolve().parents[1])
    if examples not in sys.path:
        sys.path.insert(0, examples)
    from demo.narration import Narration
    from demo.stage import set_up
    from demo.story import tell

    parser = argparse.ArgumentParser(prog="delegation demo", description=__doc__.partition("\n")[0])
    parser.add_argument("--keep", action="store_true", help="keep the directory with files, database and logs")
    options = parser.parse_args(argv)

    narration = Narration()
    home = Path(tempfile.mkdtemp(prefix="delegation-demo-"))
    try:
        with set_up(narration, home) as stage:
            tell(stage)
    except (KeyboardInterrupt, SystemExit) as error:
        narration.bad_end("interrupted", home / "logs")
        return error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody listens any more
        shutil.rmtree(home, ignore_errors=True)
        return 1
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a surprise
        narration.bad_end(str(error) or type(error).__name__, home / "logs")
        return 1
    narration.happy_end(home if options.keep else None)
    if not options.keep:
        shutil.rmtree(home, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
