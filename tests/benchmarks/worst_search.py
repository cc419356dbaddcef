"""Look for the worst input within the limits, and keep what was found in worst_found.json, which `make bench` times.

worst_search.py --seconds 300 --seed 1                  each attacker and each message in turn
worst_search.py --seconds 300 --seed 1 generous proof   some of them
worst_search.py --keep                                  put what is worst into worst_found.json

It begins with what was found before, unless `--fresh`: several runs with other seeds and `--keep` find more than one
does. Drawing follows the seed; what is kept follows the clock.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import Sequence
from typing import Final

import worst_found
from kernel_paths import Kernel
from worst_documents import DOCUMENTS
from worst_evolution import Search
from worst_recipes import Recipe
from worst_subjects import Decisions, Documents
from worst_tokens import POWERS

_SUBJECTS: Final = (*POWERS, *DOCUMENTS)
_SHORT: Final = 0.1
"""Messages need a small part of the time that decisions need."""


def main(argv: Sequence[str] | None = None) -> int:
    """Search, print what is worst, and keep it if asked to."""
    options = _options(argv)
    shares = {name: 1 if name in POWERS else _SHORT for name in options.subjects}
    for name, share in shares.items():
        subject = _subject(name)
        gc.collect()
        gc.freeze()  # what stands here is no burden of the inputs that are timed
        before = time.process_time()
        search = Search(subject, f"{name} {options.seed}", [] if options.fresh else _known(name))
        search.run(options.seconds * share / sum(shares.values()))
        _show(name, search, options.show, time.process_time() - before)
        if isinstance(subject, Decisions):
            print(f"  the largest honest token, just now: {subject.honest_ms():.1f} ms")
        if options.keep:
            worst_found.keep(name, {focus: search.worst(focus)[0] for focus in search.foci})
    return 0


def _known(name: str) -> list[Recipe]:
    """Give what was found before; of calls also each one's arguments with each other's token."""
    known = worst_found.recipes(name)
    if name not in POWERS:
        return known
    return [[kind, token, arguments, *rest] for kind, token, *_ in known for _, _, arguments, *rest in known]


def _subject(name: str) -> Decisions | Documents:
    return Decisions(Kernel(), name) if name in POWERS else Documents(name)


def _show(name: str, search: Search, count: int, seconds: float) -> None:
    volume = f"{search.evaluations} evaluations in {search.generations} generations"
    print(f"{name}: {volume}, {seconds:.0f} s of processor time")
    for focus in search.foci:
        print(f"  by {focus}")
        for found in search.worst(focus)[:count]:
            print(f"    {found.cost}\n      {json.dumps(found.recipe)}", flush=True)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Look for the worst input within the limits.")
    parser.add_argument("subjects", nargs="*", metavar="subject", help=f"{', '.join(_SUBJECTS)}; all if none is named")
    parser.add_argument("--seconds", type=float, default=60, help="for all of them together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=2, metavar="N", help="how many to print of each kind")
    parser.add_argument("--fresh", action="store_true", help="do not begin with what was found before")
    parser.add_argument("--keep", action="store_true", help="put what is worst into worst_found.json")
    options = parser.parse_args(argv)
    options.subjects = options.subjects or _SUBJECTS
    if unknown := [name for name in options.subjects if name not in _SUBJECTS]:
        parser.error(f"there is no subject {unknown[0]}: they are {', '.join(_SUBJECTS)}")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
