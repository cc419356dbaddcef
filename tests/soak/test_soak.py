"""The soak, for a moment: that it runs, samples, and counts. Whether anything grows takes longer to tell."""

from __future__ import annotations

import re

from soak.__main__ import main


def test_it_samples_a_real_service_and_a_real_tool_and_counts_their_writes(capsys):
    main(["--seconds", "4", "--every", "0.5"])
    told = capsys.readouterr().out
    assert len(re.findall(r"^ +\d+ s +[0-9.]+ MiB +\d+ +[0-9.]+ MiB +\d+", told, re.MULTILINE)) >= 6
    assert re.search(r"acknowledged [1-9]\d*, found \d+, lost 0, twice 0", told), told
    assert "a guard complained" not in told
