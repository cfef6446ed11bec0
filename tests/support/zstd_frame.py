"""zstd frames without a compressor: their blocks are stored, or one byte repeated.

Source: RFC 8878, 3.1.1 (frames) and 3.1.1.2 (blocks).
"""

from __future__ import annotations

MAGIC = b"\x28\xb5\x2f\xfd"
# No block is larger than this, whatever the window.
MAX_BLOCK_BYTES = 128 * 1024
_STORED, _REPEATED = 0, 1


def stored(content: bytes) -> bytes:
    """A frame whose one block is `content` as it is."""
    assert len(content) <= MAX_BLOCK_BYTES
    return _head(window_log=17) + _block(_STORED, len(content), is_last=True) + content


def spaces(count: int, window_log: int = 17) -> bytes:
    """A frame of `count` spaces, a multiple of a block, in four bytes for each 128 KiB."""
    blocks, rest = divmod(count, MAX_BLOCK_BYTES)
    assert rest == 0
    kinds = (_block(_REPEATED, MAX_BLOCK_BYTES, is_last=block == blocks - 1) + b" " for block in range(blocks))
    return _head(window_log) + b"".join(kinds)


def _head(window_log: int) -> bytes:
    no_size_no_checksum = b"\0"
    return MAGIC + no_size_no_checksum + bytes([(window_log - 10) << 3])


def _block(kind: int, size: int, *, is_last: bool) -> bytes:
    return (size << 3 | kind << 1 | is_last).to_bytes(3, "little")
