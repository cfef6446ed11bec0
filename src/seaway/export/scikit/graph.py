"""An estimator written as an ONNX graph by skl2onnx: tree ensembles, neighbours, mixed columns and the rest.

The converter gives its outputs names and shapes of its own (`variable`, one column); here they get those of the
estimator's methods. Where the graph has an output that no method answers, it is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from seaway.engines.element_types import NUMPY, STRING, shown
from seaway.engines.engine import Array
from seaway.engines.registry import ONNX
from seaway.engines.signatures import DEFAULT, TensorSpec
from seaway.engines.signatures import Signature as Declared
from seaway.errors import FailedPrecondition
from seaway.export.onnx_rename import with_names
from seaway.export.onnx_servable import GraphRunner, checked, onnx_package, write_graph
from seaway.export.packages import required
from seaway.export.scikit.estimator import Estimator, steps_of
from seaway.proof.passport import default_tolerance

_SHOWN_CHARACTERS = 300
_FLOAT, _DOUBLE = 1, 2
_LOCALE = b"C.UTF-8"
_TREES_OPSET = 3
"""Some converters know no newer one."""
_TYPES = {
    "float32": "FloatTensorType",
    "float64": "DoubleTensorType",
    "int64": "Int64TensorType",
    "int32": "Int32TensorType",
    "bool": "BooleanTensorType",
    "string": "StringTensorType",
}
_TREES = (
    "DecisionTreeClassifier",
    "DecisionTreeRegressor",
    "ExtraTreeClassifier",
    "ExtraTreeRegressor",
    "RandomForestClassifier",
    "RandomForestRegressor",
    "ExtraTreesClassifier",
    "ExtraTreesRegressor",
    "GradientBoostingClassifier",
    "GradientBoostingRegressor",
    "IsolationForest",
)
"""What looks at rows in 32 bits itself, so that the graph must too."""
_BY_CONVERTER = {"predict": ("label", "variable"), "transform": ("variable", "transformed_column")}


class ConvertedEstimator:
    """An estimator as skl2onnx writes it."""

    engine = ONNX
    packages = ("scikit-learn", "skl2onnx", "onnx", "onnxruntime", "numpy")
    # The graph holds thresholds, leaves and most other fitted values in 32 bits, whatever type goes in and out.
    tolerance = default_tolerance() | {"float64": default_tolerance()["float32"]}

    def __init__(self, estimator: Estimator, why: str) -> None:
        """Convert it; `why` says why it is not written with TensorFlow's operations.

        Raises:  FailedPrecondition - skl2onnx is not installed, or does not know one of its classes.
        """
        self._estimator = estimator
        self._proto = _first_that_runs(estimator, why)

    @property
    def signatures(self) -> Mapping[str, Declared]:
        """Return the one signature."""
        return {DEFAULT: self._estimator.signature}

    def answer(self, signature: str, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """Ask the estimator here."""
        return self._estimator.answer(inputs)

    def write(self, directory: Path) -> None:
        """Write the servable."""
        write_graph(self._proto, directory)


def _first_that_runs(estimator: Estimator, why: str) -> Any:
    """Return the graph in the type of the rows, or in 32 bits where ONNX Runtime has some operation in those only.

    Raises:  FailedPrecondition - of the first attempt, where no graph runs.
    """
    is_wide = all(spec.dtype == _DOUBLE for spec in estimator.inputs.values())
    widths = (True,) if is_wide and type(estimator.fitted).__name__ in _TREES else (False, True)[: 1 + is_wide]
    first: FailedPrecondition | None = None
    for is_narrow in widths:
        try:
            proto = checked(_named(_converted(estimator, why, is_narrow), estimator))
            GraphRunner(proto.SerializeToString())
        except FailedPrecondition as err:
            first = first or err
        else:
            return proto
    assert first is not None, "there is a width to try"
    raise first


def _converted(estimator: Estimator, why: str, is_narrow: bool) -> Any:
    converter: Any = required("skl2onnx", "export", f"exporting {type(estimator.fitted).__name__} ({why})")
    types: Any = required("skl2onnx.common.data_types", "export", "exporting an estimator")
    inputs = [
        (name, _type(types, name, replace(spec, dtype=_FLOAT) if is_narrow else spec))
        for name, spec in estimator.inputs.items()
    ]
    is_classifier = hasattr(estimator.fitted, "classes_")
    try:
        proto = converter.to_onnx(
            estimator.fitted,
            initial_types=inputs,
            options={"zipmap": False} if is_classifier else None,
            target_opset={"": int(converter.__max_supported_opset__), "ai.onnx.ml": _TREES_OPSET},
        )
    except Exception as err:  # its errors have no class in common
        words = " ".join(str(err).split())[:_SHOWN_CHARACTERS]
        raise FailedPrecondition(
            f"{_classes(estimator)} cannot be exported: {why}, and skl2onnx says: {words}. Serve it as a class of your "
            "own instead: models/NAME/1/model.py with the engine python"
        ) from err
    _anywhere(proto)
    return _widened(proto) if is_narrow else proto


def _anywhere(proto: Any) -> None:
    """Have texts put into lower case by a locale that every machine has; the converter's is that of one country."""
    for node in proto.graph.node:
        if node.op_type == "StringNormalizer" and not any(each.name == "locale" for each in node.attribute):
            node.attribute.append(onnx_package().helper.make_attribute("locale", _LOCALE))


def _widened(proto: Any) -> Any:
    """Return a graph that takes float64 where it took float32."""
    onnx = onnx_package()
    [given] = proto.graph.input
    name = given.name
    narrow = f"{name}_narrow"
    widened = with_names(proto, {name: narrow})
    widened.graph.input[0].name = name
    widened.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    widened.graph.node.insert(0, onnx.helper.make_node("Cast", [name], [narrow], to=onnx.TensorProto.FLOAT))
    return widened


def _type(types: Any, name: str, spec: TensorSpec) -> Any:
    kind = _TYPES.get(shown(spec.dtype))
    if kind is None:
        raise FailedPrecondition(
            f"column {name!r} is {shown(spec.dtype)}, which skl2onnx lacks; convert it to one of {', '.join(_TYPES)}"
        )
    return getattr(types, kind)([None, *(spec.shape or ())[1:]])


def _named(proto: Any, estimator: Estimator) -> Any:
    """Return the graph with the outputs of the estimator's methods, each of the shape that the method answers."""
    found = {each.name: each for each in proto.graph.output}
    names: dict[str, str] = {}
    for name, method in estimator.methods.items():
        taken = set(names)
        likely = [each for each in _BY_CONVERTER.get(method, ("probabilities", "scores")) if each in found]
        left = [each for each in [*likely, *found] if each not in taken]
        if not left:
            raise FailedPrecondition(f"{_classes(estimator)}: skl2onnx gives no output for {method}")
        names[left[0]] = name
    kept = [each for each in proto.graph.output if each.name in names]
    del proto.graph.output[:]
    proto.graph.output.extend(kept)
    inside = {new: f"{new}_inside" for new in names.values() if new not in names}
    named = with_names(proto, inside | {old: f"{new}_of_converter" for old, new in names.items()})
    _finish(named, estimator)
    return named


def _finish(proto: Any, estimator: Estimator) -> None:
    helper: Any = onnx_package().helper
    given = list(proto.graph.output)
    del proto.graph.output[:]
    for name, spec in estimator.outputs.items():
        before = f"{name}_of_converter"
        rank = len(next(each for each in given if each.name == before).type.tensor_type.shape.dim)
        target = _onnx_type(spec)
        if rank != len(spec.shape or ()):
            before = _flattened(proto.graph, before)
        operation = helper.make_node("Identity", [before], [name])
        if spec.dtype != STRING:
            operation = helper.make_node("Cast", [before], [name], to=target)
        proto.graph.node.append(operation)
        proto.graph.output.append(helper.make_tensor_value_info(name, target, [None, *(spec.shape or ())[1:]]))


def _flattened(graph: Any, name: str) -> str:
    """Add what makes one value a row of a matrix with several, of which the first is meant; return its name."""
    onnx = onnx_package()
    choice = onnx.helper.make_tensor(f"{name}_column", onnx.TensorProto.INT64, [], [0])
    graph.initializer.append(choice)
    graph.node.append(onnx.helper.make_node("Gather", [name, choice.name], [f"{name}_flat"], axis=1))
    return f"{name}_flat"


def _onnx_type(spec: TensorSpec) -> int:
    onnx = onnx_package()
    if spec.dtype == STRING:
        return int(onnx.TensorProto.STRING)
    return int(onnx.helper.np_dtype_to_tensor_dtype(NUMPY[spec.dtype]))


def _classes(estimator: Estimator) -> str:
    return " → ".join(type(step).__name__ for step in steps_of(estimator.fitted))
