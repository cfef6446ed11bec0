"""What the bytes in tests/golden/wire/ say: the values that both languages must read from them and write to them.

`python -m tests.support.golden_frames` writes the files anew; do so only with a new version of the protocol, and
change crates/wire/tests/golden.rs, which repeats these values in Rust, with it.
"""

from __future__ import annotations

from pathlib import Path

from seaway.worker.protocol import (
    DType,
    Reply,
    Run,
    TensorHeader,
    encode_reply,
    encode_run,
    encode_strings,
)

DIRECTORY = Path(__file__).parents[1] / "golden" / "wire"

RUN = Run(
    request_id=0x0102030405060708,
    slot=3,
    signature="serving_default",
    inputs=(
        TensorHeader("x", DType.FLOAT, (2, 3), 0x3000, 24),
        TensorHeader("größe", DType.INT64, (), 0x3040, 8),
    ),
    outputs=("y", "scores"),
    deadline_nanos=1_500_000,
)

RUN_BARE = Run(request_id=1, slot=0, signature="")

RUN_ALL_TYPES = Run(
    request_id=2,
    slot=0,
    signature="every_type",
    inputs=tuple(TensorHeader(dtype.name.lower(), dtype, (1,), 64 * n, 16) for n, dtype in enumerate(DType)),
)

REPLY_OK = Reply(
    request_id=0x0102030405060708,
    slot=3,
    outputs=(
        TensorHeader("y", DType.FLOAT, (2, 1), 0x8000, 8),
        TensorHeader("labels", DType.STRING, (0,), 0x8040, 8),
    ),
    flags=1,
    run_nanos=23_456,
)

REPLY_ERROR = Reply(request_id=7, slot=65535, code=3, message="Expects arg[0] to be float but double is provided")

STRINGS = (b"", b"a", "grün".encode(), b"\x00\xff", b"x" * 40)

FILES = {
    "run.bin": encode_run(RUN),
    "run_bare.bin": encode_run(RUN_BARE),
    "run_all_types.bin": encode_run(RUN_ALL_TYPES),
    "reply_ok.bin": encode_reply(REPLY_OK),
    "reply_error.bin": encode_reply(REPLY_ERROR),
    "strings.bin": encode_strings(STRINGS),
}

if __name__ == "__main__":
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for name, content in FILES.items():
        (DIRECTORY / name).write_bytes(content)
