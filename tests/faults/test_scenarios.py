"""The fault scenarios, each for a moment: that they run and find nothing. `make faults` runs them in earnest."""

from __future__ import annotations

import pytest

from faults.scenario import TINY, NotHereError
from faults.scenarios import SCENARIOS


@pytest.mark.parametrize("name", ["kills", "disk", "guards"])
def test_nothing_is_lost_and_nothing_is_entered_twice(name, tmp_path):
    scenario, _ = SCENARIOS[name]
    try:
        result = scenario(tmp_path, TINY)
    except NotHereError as error:
        pytest.skip(str(error))
    assert result.good, f"{result.tally}; {'; '.join(result.notes)}"
