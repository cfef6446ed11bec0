"""Which versions a listing holds, and in which order one is written."""

from __future__ import annotations

import pytest

from seaway.stores.layout import by_version, in_order_of_upload, missing_parts


def test_directories_named_by_numbers_are_versions_and_nothing_else_is() -> None:
    paths = ["1/saved_model.pb", "002/saved_model.pb", "latest/saved_model.pb", ".3/saved_model.pb", "4", "README"]
    assert by_version(paths) == ({1: "1", 2: "002"}, ())


def test_of_two_directories_with_one_number_the_last_by_name_is_used() -> None:
    assert by_version(["1/a", "001/a", "01/a"]) == ({1: "1"}, ("001", "01"))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            ["saved_model.pb", "assets/x", "variables/variables.index", "fingerprint.pb"],
            ["assets/x", "fingerprint.pb", "variables/variables.index", "saved_model.pb"],
            id="graph-last",
        ),
        pytest.param(
            ["saved_model.pb", "model.tflite", "a"],
            ["a", "model.tflite", "saved_model.pb"],
            id="saved-model-last-of-all",
        ),
        pytest.param(["model.py", "weights/model.py"], ["weights/model.py", "model.py"], id="only-the-top-counts"),
    ],
)
def test_the_graph_is_written_last(files: list[str], expected: list[str]) -> None:
    assert list(in_order_of_upload(files)) == expected


def test_no_part_of_an_upload_in_order_is_whole_before_the_last_file_is_there() -> None:
    files = [
        "saved_model.pb",
        "variables/variables.index",
        "variables/variables.data-00000-of-00002",
        "variables/variables.data-00001-of-00002",
    ]
    order = in_order_of_upload(files)
    for count in range(len(order)):
        assert missing_parts(order[:count])
    assert missing_parts(order) == ()
