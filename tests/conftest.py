"""What every test has. Fixtures of one subject stand beside its tests."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import settings

# A slow machine is no defect; how long things take is measured by the benchmarks.
settings.register_profile("project", deadline=None, print_blob=True)
settings.load_profile("project")

# Who starts the tests in the background has Ctrl-C ignored, by the programs that tests start and interrupt as well.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """Have two workers a core: integration tests mostly wait for processes of their own."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, as the service does."""
    return "asyncio"
