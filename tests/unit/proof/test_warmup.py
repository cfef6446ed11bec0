"""TFRecord files of warm-up requests: what is read, and what is refused."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from seaway.errors import DataLoss, InvalidArgument
from seaway.proof.warmup import WARMUP_FILE, read_warmup_records
from seaway.protos.tfrecord import masked_crc


def tfrecord(body: bytes) -> bytes:
    head = struct.pack("<Q", len(body))
    return head + struct.pack("<I", masked_crc(head)) + body + struct.pack("<I", masked_crc(body))


def version_with(tmp_path: Path, content: bytes) -> Path:
    (tmp_path / WARMUP_FILE).parent.mkdir()
    (tmp_path / WARMUP_FILE).write_bytes(content)
    return tmp_path


def test_checksum_is_the_published_one() -> None:
    # RFC 3720, B.4: the CRC32C of 32 zero bytes is 0x8a9136aa, before TFRecord's mask.
    crc = 0x8A9136AA
    assert masked_crc(bytes(32)) == (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def test_a_version_without_the_file_has_no_records(tmp_path: Path) -> None:
    assert read_warmup_records(tmp_path) == []


def test_records_come_in_order(tmp_path: Path) -> None:
    assert read_warmup_records(version_with(tmp_path, tfrecord(b"one") + tfrecord(b""))) == [b"one", b""]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param(tfrecord(b"one")[:-1], "record 0 is cut off", id="cut-in-content"),
        pytest.param(tfrecord(b"one") + b"\x01\x02", "record 1 is cut off in its length", id="cut-in-length"),
        pytest.param(tfrecord(b"one").replace(b"one", b"two"), "content of record 0 is damaged", id="changed-content"),
        pytest.param(b"\xff" * 24, "length of record 0 is damaged", id="garbage"),
    ],
)
def test_a_damaged_file_is_refused_with_the_record(tmp_path: Path, content: bytes, text: str) -> None:
    with pytest.raises(DataLoss, match=text):
        read_warmup_records(version_with(tmp_path, content))


def test_more_than_a_thousand_records_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"maximum \(=1000\)"):
        read_warmup_records(version_with(tmp_path, tfrecord(b"") * 1001))
