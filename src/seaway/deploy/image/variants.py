"""The variants of the image: which engine is in it. Data."""

from __future__ import annotations

from dataclasses import dataclass

from seaway.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Variant:
    """One variant. `resolves`: pip works out what its packages need, instead of a complete list."""

    name: str
    about: str
    engine: str
    """The engine that serves unless a setting names another one."""
    resolves: bool = False


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("tensorflow", "TensorFlow's own kernels, for processors", "tensorflow"),
        Variant("openvino", "OpenVINO, which reads SavedModels: a small image, without TensorFlow", "auto"),
        Variant(
            "tensorflow-gpu",
            "TensorFlow with CUDA; has never run in the project's own tests",
            "tensorflow",
            resolves=True,
        ),
    )
}


def variant_of(name: str) -> Variant:
    """Return a variant.

    Raises:  InvalidArgument - there is none of that name.
    """
    if name not in VARIANTS:
        raise InvalidArgument(f"--variant cannot be {name!r}; use one of {', '.join(VARIANTS)}")
    return VARIANTS[name]
