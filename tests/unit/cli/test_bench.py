"""The options of `seaway bench` that depend on each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from seaway.cli.bench import check_together, checked_deadline, checked_rate, checked_seconds, checked_verb, parse_dims
from seaway.errors import InvalidArgument


@pytest.mark.parametrize(
    ("servers", "comparing", "finding", "slo", "poisson_alone", "both", "part"),
    [
        pytest.param(2, True, True, "p99=1ms", False, False, "keep one", id="compare-and-find-max"),
        pytest.param(1, True, False, "", False, False, "1 server is given", id="compare-with-one"),
        pytest.param(2, False, False, "", False, False, "2 servers are given", id="two-without-compare"),
        pytest.param(1, False, True, "", False, False, "--slo p99=20ms", id="find-max-without-an-objective"),
        pytest.param(1, False, False, "p99=1ms", False, False, "--find-max", id="an-objective-for-nothing"),
        pytest.param(1, False, False, "", True, False, "--rate", id="poisson-without-a-rate"),
        pytest.param(1, False, False, "", False, True, "--body", id="two-requests"),
    ],
)
def test_options_that_contradict_are_refused(
    servers: int, comparing: bool, finding: bool, slo: str, poisson_alone: bool, both: bool, part: str
) -> None:
    with pytest.raises(InvalidArgument, match=part):
        check_together(servers, comparing, finding, slo, poisson_alone, both)


def test_options_that_agree_pass() -> None:
    check_together(1, False, False, "", False, False)
    check_together(2, True, False, "", False, False)
    check_together(1, False, True, "p99=20ms", True, False)


def test_numbers_out_of_bounds_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="--rate 0 "):
        checked_rate(0.0)
    with pytest.raises(InvalidArgument, match="--duration -1 "):
        checked_seconds("--duration", -1.0, 10.0)
    assert checked_seconds("--duration", None, 10.0) == 10.0


def test_only_predict_is_made_from_a_signature() -> None:
    assert [checked_verb(verb, None, None) for verb in ("", "predict")] == ["", "predict"]
    assert checked_verb("classify", Path("body"), None) == "classify"
    assert checked_verb("multi_inference", None, Path("log")) == "multi_inference"
    with pytest.raises(InvalidArgument, match="--body"):
        checked_verb("classify", None, None)
    with pytest.raises(InvalidArgument, match="predict, classify, regress"):
        checked_verb("ask", None, None)


def test_a_deadline_is_a_time() -> None:
    assert (checked_deadline(None), checked_deadline(0.5)) == (None, 0.5)
    with pytest.raises(InvalidArgument, match="--deadline 0 is not between"):
        checked_deadline(0)


def test_dimensions_are_sizes_by_name() -> None:
    assert parse_dims(["image.1=224", "length=8"]) == {"image.1": 224, "length": 8}
    for wrong in ("224", "=3", "x=0", "x=a"):
        with pytest.raises(InvalidArgument, match="NAME=N"):
            parse_dims([wrong])
