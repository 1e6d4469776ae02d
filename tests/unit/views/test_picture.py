from __future__ import annotations

import pytest

from flowmake.views.picture import Node, Status, counts_text


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ({"fresh": 3}, "3 instances"),
        ({"failed": 1}, "1 instance, 1 failed"),
        (
            {"fresh": 1, "waiting": 2, "stale": 3, "running": 4, "failed": 5},
            "15 instances, 5 failed, 4 running, 3 stale, 2 waiting",
        ),
    ],
)
def test_counts_in_words(counts: dict[Status, int], text: str) -> None:
    tasks = tuple(f"t@{n}" for n in range(sum(counts.values())))
    assert counts_text(Node("t", "foreach", tasks, counts=counts)) == text
