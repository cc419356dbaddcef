"""`python -m delegation.cli`, the same as `delegation`."""

from __future__ import annotations

import sys

from delegation.cli import main

sys.exit(main())
