"""How the OpenVINO engine decides between fixed row counts and the model as it is, on real models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seaway.engines.engine import EngineOptions
from seaway.engines.signatures import DEFAULT
from seaway.errors import InvalidArgument, SeawayError
from tests.models.cache import Models
from tests.support.engine_kits import KITS

pytestmark = pytest.mark.e2e  # the package takes a while, and the models have to be built

SIZES = (2, 4)
Load = Callable[[str], Any]


@pytest.fixture
def load(models: Models) -> Load:
    """Load a SavedModel by name in this process."""
    if not KITS["openvino-saved-model"].is_installed:
        pytest.skip("engine openvino: openvino is not installed")
    from seaway.engines.openvino import ENGINE  # noqa: PLC0415 - imports the package

    return lambda name: ENGINE.load(Path(models.version(name)), EngineOptions(threads=1, batch_sizes=SIZES))


@pytest.mark.parametrize(
    ("model", "runner"),
    [
        pytest.param("half_plus_two", "FixedRows", id="independent-rows"),
        pytest.param("arithmetic", "FixedRows", id="several-inputs"),
        pytest.param("mnist_cnn", "FixedRows", id="convolutions"),
        pytest.param("centred", "AsItIs", id="rows-that-influence-each-other"),
        pytest.param("scalar", "AsItIs", id="no-rows"),
    ],
)
def test_only_models_whose_rows_are_independent_are_padded(load: Load, model: str, runner: str) -> None:
    assert type(load(model)._runner).__name__ == runner


@pytest.mark.parametrize("rows", range(10))
def test_padded_and_parted_rows_have_their_own_answers(load: Load, rows: int) -> None:
    x = np.random.default_rng(rows).standard_normal((rows, 3)).astype(np.float32)
    weights = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    answer = load("matmul").run(DEFAULT, {"x": x}, ("y",))["y"]
    assert answer.shape == (rows, 2)
    assert np.allclose(answer, x @ weights, atol=1e-4)


def test_inputs_of_different_row_counts_are_refused_with_both(load: Load) -> None:
    with pytest.raises(InvalidArgument, match="different numbers of rows: 1, 3"):
        load("arithmetic").run(DEFAULT, {"a": np.ones(3, np.float32), "b": np.ones(1, np.float32)}, ("sum",))


@pytest.mark.parametrize(
    ("value", "is_answered"), [(2**31 - 1, True), (-(2**31), True), (2**31, False), (-(2**40), False)]
)
def test_integers_that_openvino_would_cut_are_refused(
    load: Load, tmp_path: Path, value: int, is_answered: bool
) -> None:
    load("scalar")  # skips where the package is missing
    import onnx  # noqa: PLC0415 - optional, as is the engine
    from onnx import TensorProto, helper  # noqa: PLC0415

    from seaway.engines.openvino import ENGINE  # noqa: PLC0415

    x, y = (helper.make_tensor_value_info(name, TensorProto.INT64, ["n", 1]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [x], [y])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), tmp_path / "model.onnx"
    )
    model = ENGINE.load(tmp_path, EngineOptions(batch_sizes=SIZES))
    if is_answered:
        assert model.run(DEFAULT, {"x": np.array([[value]])}, ("y",))["y"].tolist() == [[value]]
        return
    with pytest.raises(InvalidArgument, match="'x' has an integer beyond 2147483647"):
        model.run(DEFAULT, {"x": np.array([[value]])}, ("y",))


@pytest.mark.parametrize("model", ["strings", "counter", "outputs"])
def test_what_openvino_cannot_do_fails_at_load_and_says_so(load: Load, model: str) -> None:
    with pytest.raises(SeawayError) as refused:
        load(model)
    assert refused.value.name in ("FAILED_PRECONDITION", "UNIMPLEMENTED")
    assert "OpenVINO" in refused.value.message
