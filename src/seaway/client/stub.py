"""A Python module with a method for each signature of a model, as text.

Pure. What it writes passes `mypy --strict` and ruff as they come, so that it can be kept in a program's own tree; it is
the same for the same signatures, so that a difference is a difference of the model.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from seaway.client.dtypes import BFLOAT16, STRING
from seaway.client.signature import Signature, Signatures, TensorSpec, shape_text

_OWN_NAMES = frozenset({"self", "timeout_s", "np", "npt", "Client", "answer", "sent"})
_LINE = 88  # what formatters allow unless told otherwise
_ANY_NAME = "model"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a module's signatures are from."""

    model: str
    address: str
    version: int | None = None
    label: str = ""


def module_text(origin: Origin, signatures: Signatures) -> str:
    """Return the module for a model's signatures.

    Those that take serialized `tf.Example`s become calls of `classify` and `regress`.
    """
    plain = [each for each in signatures.values() if not _takes_examples(each)]
    results = [_result_class(each) for each in plain if len(each.outputs) > 1]
    methods = [
        _examples_method(origin, each, name) if _takes_examples(each) else _method(origin, each, name)
        for name, each in _method_names(signatures)
    ]
    body = "\n\n".join([*results, "\n".join([_class_head(origin), *methods])])
    return f"{_head(origin, body)}\n\n{body}"


def class_name(model: str) -> str:
    """Return the name of a model's class, for instance `half_plus_two` → `HalfPlusTwo`."""
    words = re.findall(r"[A-Za-z0-9]+", model) or [_ANY_NAME]
    name = "".join(word[:1].upper() + word[1:] for word in words)
    return name if not name[0].isdigit() else f"Model{name}"


def identifier(name: str, taken: Iterable[str] = ()) -> str:
    """Return a name that Python takes and that nothing else has."""
    made = re.sub(r"\W", "_", name, flags=re.ASCII) or "_"
    if made[0].isdigit() or keyword.iskeyword(made) or made.startswith("__"):
        made = f"x_{made.lstrip('_')}"
    while made in taken or made in _OWN_NAMES:
        made += "_"
    return made


def _takes_examples(signature: Signature) -> bool:
    return signature.method.endswith(("/classify", "/regress")) and all(
        spec.dtype == STRING for spec in signature.inputs.values()
    )


def _head(origin: Origin, body: str) -> str:
    """Return the docstring and the imports that a body needs."""
    title = f'"""Typed calls of the model {_quoted(origin.model)}, written by `seaway stub`; '
    standard = [
        ("Sequence[", "from collections.abc import Mapping, Sequence"),
        ("NamedTuple", "from typing import NamedTuple"),
    ]
    others = [
        ("np.", "import numpy as np"),
        ("npt.", "import numpy.typing as npt"),
        ("Client", "from seaway import Client"),
        ("Labelled", "from seaway.client import Labelled"),
    ]
    blocks = [[line for word, line in block if word in body] for block in (standard, others)]
    lines = [f'{title}write it again when it changes."""', "", "from __future__ import annotations", ""]
    for block in filter(None, blocks):
        lines += [*block, ""]
    return "\n".join(_wrapped_docstring(lines))


def _wrapped_docstring(lines: Sequence[str]) -> Sequence[str]:
    if len(lines[0]) <= _LINE:
        return lines
    first, _, rest = lines[0].partition(", written")
    return [f"{first}.", "", f"Written{rest.removesuffix(chr(34) * 3)}", '"""', *lines[1:]]


def _class_head(origin: Origin) -> str:
    which = f"version {origin.version}" if origin.version is not None else f"label {_quoted(origin.label)}"
    default = f"version: int | None = {origin.version}, label: str = {_quoted(origin.label)}"
    asked = "" if origin.version is None and not origin.label else f", {which} unless told otherwise"
    return "\n".join(
        [
            f"class {class_name(origin.model)}:",
            f'    """The model {_quoted(origin.model)}{asked}."""',
            "",
            "    def __init__(",
            f"        self, client: Client, *, {default}",
            "    ) -> None:",
            '        """Ask with this client."""',
            "        self._client = client",
            "        self._version = version",
            "        self._label = label",
            "",
        ]
    )


def _method_names(signatures: Mapping[str, Signature]) -> Sequence[tuple[str, Signature]]:
    taken = {"_client", "_version", "_label"}
    found = []
    for name, signature in signatures.items():
        made = identifier(name, taken)
        taken.add(made)
        found.append((made, signature))
    return found


def _method(origin: Origin, signature: Signature, name: str) -> str:
    arguments = _names(signature.inputs)
    parameters = [
        f"        {argument}: {_array_type(signature.inputs[given])}{' | None = None' * (given in signature.optional)},"
        for given, argument in sorted(arguments.items(), key=lambda pair: pair[0] in signature.optional)
    ]
    lines = [f"    def {name}(", "        self,", *parameters, "        *,"]
    lines += ["        timeout_s: float | None = None,", f"    ) -> {_result_type(signature)}:"]
    lines += [f'        """Ask signature {_quoted(signature.name)}.', "", *_shapes(signature), '        """']
    lines += _inputs_code(signature, arguments)
    lines += ["        answer = self._client.answer("]
    lines += [f"            {_quoted(origin.model)},", "            sent,"]
    lines += ["            version=self._version,", "            label=self._label,"]
    lines += [f"            signature={_quoted(signature.name)},", "            timeout_s=timeout_s,", "        )"]
    return "\n".join([*lines, *_return_code(signature), ""])


def _examples_method(origin: Origin, signature: Signature, name: str) -> str:
    verb, result = "regress", "npt.NDArray[np.float32]"
    if signature.method.endswith("/classify"):
        verb, result = "classify", "list[list[Labelled]]"
    lines = [f"    def {name}(", "        self,", "        examples: Sequence[Mapping[str, object]],", "        *,"]
    lines += ["        timeout_s: float | None = None,", f"    ) -> {result}:"]
    lines += [f'        """Ask signature {_quoted(signature.name)} to {verb} examples, dicts of features."""']
    lines += [f"        return self._client.{verb}(", f"            {_quoted(origin.model)},", "            examples,"]
    lines += ["            version=self._version,", "            label=self._label,"]
    lines += [f"            signature={_quoted(signature.name)},", "            timeout_s=timeout_s,", "        )", ""]
    return "\n".join(lines)


def _inputs_code(signature: Signature, arguments: Mapping[str, str]) -> Sequence[str]:
    lines = ["        sent: dict[str, object] = {"]
    lines += [
        f"            {_quoted(given)}: {argument},"
        for given, argument in arguments.items()
        if given not in signature.optional
    ]
    lines += ["        }"] if len(lines) > 1 else []
    if len(lines) == 1:
        lines = ["        sent: dict[str, object] = {}"]
    for given in (each for each in arguments if each in signature.optional):
        lines += [f"        if {arguments[given]} is not None:"]
        lines += [f"            sent[{_quoted(given)}] = {arguments[given]}"]
    return lines


def _return_code(signature: Signature) -> Sequence[str]:
    if not signature.outputs:
        return ["        del answer"]
    if len(signature.outputs) == 1:
        return [f"        return answer.outputs[{_quoted(next(iter(signature.outputs)))}]"]
    lines = [f"        return {_result_name(signature)}("]
    lines += [f"            answer.outputs[{_quoted(name)}]," for name in signature.outputs]
    return [*lines, "        )"]


def _result_class(signature: Signature) -> str:
    lines = [f"class {_result_name(signature)}(NamedTuple):"]
    lines += [f'    """What signature {_quoted(signature.name)} answers."""', ""]
    for name, field in _names(signature.outputs).items():
        spec = signature.outputs[name]
        lines += [f"    {field}: {_array_type(spec)}", f'    """{_plain(f"{name} {spec}")}"""']
    return "\n".join([*lines, ""])


def _result_name(signature: Signature) -> str:
    return f"{class_name(signature.name)}Outputs"


def _result_type(signature: Signature) -> str:
    if not signature.outputs:
        return "None"
    if len(signature.outputs) == 1:
        return _array_type(next(iter(signature.outputs.values())))
    return _result_name(signature)


def _shapes(signature: Signature) -> Sequence[str]:
    taken = [f"        in   {_plain(name)}: {_shape(spec)}" for name, spec in signature.inputs.items()]
    given = [f"        out  {_plain(name)}: {_shape(spec)}" for name, spec in signature.outputs.items()]
    return ["        Shapes:", *(f"    {line}" for line in taken + given)]


def _shape(spec: TensorSpec) -> str:
    return f"{spec.dtype_name} {shape_text(spec.shape)}"


def _names(specs: Mapping[str, TensorSpec]) -> dict[str, str]:
    taken: dict[str, str] = {}
    for name in specs:
        taken[name] = identifier(name.lstrip("_") or "x", taken.values())
    return taken


def _array_type(spec: TensorSpec) -> str:
    if spec.dtype == STRING:
        return "npt.NDArray[np.object_]"
    if spec.dtype == BFLOAT16 or spec.dtype_name.startswith("type "):
        return "npt.NDArray[np.generic]"
    return f"npt.NDArray[np.{'bool_' if spec.dtype_name == 'bool' else spec.dtype_name}]"


def _quoted(text: str) -> str:
    """Return a text as Python's own literal in double quotes."""
    return '"' + "".join(_escaped(letter) for letter in text) + '"'


def _escaped(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    return letter if letter.isprintable() and letter.isascii() else f"\\U{ord(letter):08x}"


def _plain(text: str) -> str:
    """Return a text that may stand in a docstring."""
    return "".join(_escaped(letter) for letter in text)
