"""Labels that say how sensitive data is: those that exist without anybody's catalogue."""

from __future__ import annotations

from typing import Final

PUBLIC: Final = "public"
"""The label of what needs no protection: it is not kept."""

MOST_SENSITIVE: Final = "secret"
"""The label of what nobody has labelled, and may be anything."""

BUILT_IN: Final = frozenset({PUBLIC, "internal", "personal", MOST_SENSITIVE})
"""All of them; a catalogue's own come beside them."""
