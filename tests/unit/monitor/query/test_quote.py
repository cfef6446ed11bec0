"""Labels as PromQL reads them."""

from __future__ import annotations

from typing import Any

import promql_parser
import pytest

from seaway.monitor.query.quote import labels_text


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ((), "{}"),
        ((("model", "m"), ("instance", "a:1")), '{instance="a:1", model="m"}'),
        ((("model", 'a"b\\c\n模\x1b'),), '{model="a\\"b\\\\c\\n模\\x1b"}'),
    ],
)
def test_labels_are_written_in_the_order_of_their_names(labels: tuple[tuple[str, str], ...], text: str) -> None:
    assert labels_text(labels) == text
    read: Any = promql_parser.parse(f"x{text}")
    assert {(each.name, each.value) for each in read.matchers.matchers} == set(labels)
