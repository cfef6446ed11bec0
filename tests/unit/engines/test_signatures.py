"""Signatures to and from messages, and the shapes they allow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seaway.engines.signatures import (
    FREE,
    PREDICT,
    Signature,
    TensorSpec,
    check_shapes,
    read,
    saved_model_signatures,
    written,
)
from seaway.errors import DataLoss, FailedPrecondition, InvalidArgument, NotFound
from seaway.protos import message

SIGNATURE = Signature(
    {"x": TensorSpec(1, (FREE, 3)), "any": TensorSpec(7, None)}, {"y": TensorSpec(9, ()), "z": TensorSpec(10, (2,))}
)


def test_what_is_written_is_read() -> None:
    assert read(written({"serving_default": SIGNATURE})) == {"serving_default": SIGNATURE}


def test_a_written_signature_is_for_predict() -> None:
    whole = message("tensorflow.serving.SignatureDefMap").FromString(written({"s": SIGNATURE}))
    assert whole.signature_def["s"].method_name == PREDICT
    assert whole.signature_def["s"].inputs["x"].name == "x"


@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (500, 3)])
def test_a_free_dimension_has_any_size(shape: tuple[int, ...]) -> None:
    check_shapes(SIGNATURE, {"x": np.zeros(shape, np.float32), "any": np.zeros((1, 2, 3), object)})


@pytest.mark.parametrize("shape", [(3,), (1, 4), (1, 3, 1), ()])
def test_another_rank_or_size_is_refused_with_both_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidArgument, match=r"input 'x' has shape \[.*\]; expected \[\?,3\]"):
        check_shapes(SIGNATURE, {"x": np.zeros(shape, np.float32)})


def saved_model(directory: Path, *tags: str) -> None:
    bundle = message("tensorflow.SavedModel")()
    graph = bundle.meta_graphs.add()
    graph.meta_info_def.tags.extend(tags)
    for name in ("serving_default", "__saved_model_init_op"):
        graph.signature_def[name].method_name = name
    (directory / "saved_model.pb").write_bytes(bundle.SerializeToString())


def test_a_saved_model_has_its_own_signatures_without_the_internal_one(tmp_path: Path) -> None:
    saved_model(tmp_path, "serve", "gpu")
    assert list(saved_model_signatures(tmp_path, ("gpu", "serve")).signature_def) == ["serving_default"]


def test_tags_that_no_graph_has_are_refused_with_those_that_are_there(tmp_path: Path) -> None:
    saved_model(tmp_path, "train")
    with pytest.raises(NotFound, match=r"tags \{serve\}; it has: \{train\}"):
        saved_model_signatures(tmp_path, ("serve",))


def test_a_directory_without_one_and_a_broken_one_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match=r"has no saved_model\.pb"):
        saved_model_signatures(tmp_path, ("serve",))
    (tmp_path / "saved_model.pb").write_bytes(b"\xff\xff\xff")
    with pytest.raises(DataLoss, match="is not a SavedModel"):
        saved_model_signatures(tmp_path, ("serve",))
