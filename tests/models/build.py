"""Build the test models: `python tests/models/build.py [--only NAME]... [--out DIR]`.

Each model is written to `<out>/<name>/<version>/`. A model that is there already is left alone; delete the
directory to build it again. `--list` prints the names. Large models are built only when named.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.models import cache


@dataclass(frozen=True, slots=True)
class Recipe:
    """One model: what to write for each version directory, and whether everybody wants it."""

    versions: dict[str, Callable[[Path], None]]
    large: bool = False


def recipes() -> dict[str, Recipe]:
    """All models by name. Imports TensorFlow, which takes seconds."""
    from tests.models import damage, graphs, lite, modules  # noqa: PLC0415 - TensorFlow only when something is built

    def one(build: Callable[[Path], None], version: str = "1", *, large: bool = False) -> Recipe:
        return Recipe({version: build}, large)

    def tflite(build: Callable[[Path], None], *, large: bool = False) -> Recipe:
        return one(partial(lite.converted, build), large=large)

    good = damage.predict_record([1.0, 2.0])
    return {
        "half_plus_two": one(graphs.half_plus, "00000123"),
        "half_plus_two_2_versions": Recipe({"00000123": graphs.half_plus, "00000124": graphs.half_plus}),
        "half_plus_three": one(partial(graphs.half_plus, offset=3.0), "00000123"),
        "half_plus_two_tf2": one(modules.half_plus_two, "00000123"),
        "classifier": one(graphs.classifier),
        "strings": one(graphs.strings),
        "counter": one(graphs.counter),
        "slow": one(graphs.slow),
        "identity": one(modules.identity),
        "outputs": one(modules.outputs),
        "matmul": one(modules.matmul),
        "int32_rows": one(modules.int32_rows),
        "gather": one(modules.gather),
        "arithmetic": one(modules.arithmetic),
        "scalar": one(modules.scalar),
        "centred": one(modules.centred),
        "defaults": one(modules.defaults),
        "keeper": one(modules.keeper),
        "adder": Recipe({str(version): partial(modules.adder, version=version) for version in (1, 2, 3)}),
        "keras_sequential": one(modules.keras_sequential),
        "warmup": one(damage.warmed(good, damage.classify_record(2.0))),
        "warmup_failing": one(damage.warmed(good, damage.predict_record([1.0], name="no_such_input"))),
        "train_tag": one(partial(graphs.half_plus, tags=("train",))),
        "corrupt_graph": one(damage.broken(damage.corrupt_graph)),
        "missing_variables": one(damage.broken(damage.missing_variables)),
        "truncated_shard": one(damage.broken(damage.truncated_shard)),
        "unknown_op": one(damage.broken(damage.unknown_op)),
        "lite_half_plus_two": tflite(modules.half_plus_two),
        "lite_matmul": tflite(modules.matmul),
        "lite_arithmetic": tflite(modules.arithmetic),
        "lite_scalar": tflite(modules.scalar),
        "lite_centred": tflite(modules.centred),
        "lite_adder": Recipe({str(n): partial(lite.converted, partial(modules.adder, version=n)) for n in (10, 20)}),
        "lite_strings": one(lite.strings),
        "lite_one_row": one(lite.one_row),
        "lite_one_row_shared": one(lite.one_row_shared),
        "lite_one_row_shaped": one(lite.one_row_shaped),
        "lite_signatures": one(lite.signatures),
        "lite_quantized": one(lite.quantized),
        "lite_counter": one(lite.counter),
        "lite_without_signature": one(lite.without_signature),
        "lite_bfloat16": one(lite.bfloat16),
        "lite_foreign_operation": one(lite.foreign_operation),
        "lite_mnist_cnn": tflite(modules.mnist_cnn, large=True),
        "lite_mobilenet_v2": tflite(modules.mobilenet_v2, large=True),
        "mnist_cnn": one(modules.mnist_cnn, large=True),
        "mobilenet_v2": one(modules.mobilenet_v2, large=True),
        "resnet50": one(modules.resnet50, large=True),
    }


def build(name: str, recipe: Recipe, out: Path) -> bool:
    """Write one model below `out` unless it is there; true when it was written now."""
    if (out / name).exists():
        return False
    out.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=out))
    try:
        for version, write in recipe.versions.items():
            write(scratch / version)
        scratch.chmod(0o755)
        if not (out / name).exists():
            scratch.rename(out / name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return True


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", metavar="NAME", help="build this model (repeatable)")
    parser.add_argument("--out", type=Path, help="directory to write to (default: the cache of this checkout)")
    parser.add_argument("--list", action="store_true", help="print the names and exit")
    return parser.parse_args()


def main() -> int:
    """Build what is missing, print where it lies, and return the exit status."""
    options = arguments()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    catalogue = recipes()
    if options.list:
        print("\n".join(catalogue))
        return 0
    out: Path = options.out or cache.default_directory()
    wanted = options.only or [name for name, recipe in catalogue.items() if not recipe.large]
    for name in wanted:
        if name not in catalogue:
            print(f"no model {name!r}; there are: {', '.join(catalogue)}", file=sys.stderr)
            return 2
    with cache.alone(out):
        for name in wanted:
            start = time.monotonic()
            if build(name, catalogue[name], out):
                print(f"built {name} in {time.monotonic() - start:.1f} s", flush=True)
        if not options.only:
            cache.mark_complete(out)
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
