"""Write proto/vectors: `make vectors`."""

from __future__ import annotations

import sys

from conformance.make.areas import AREAS

if __name__ == "__main__":
    for area in AREAS:
        area.path.write_text(area.text())
        sys.stdout.write(f"{area.name:24} {len(area.vectors):5} {len(area.text()):9,} bytes\n")
    sys.stdout.write(f"{'together':24} {sum(len(area.vectors) for area in AREAS):5}\n")
