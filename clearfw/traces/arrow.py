"""Messages of an Arrow stream: what each says it holds, before anything of it is unpacked.

Read is only what bounds memory, by the flatbuffers layout that Arrow's format/Message.fbs gives it.
Arrow verifies the rest of a message's metadata before it hands one out.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

# Places of fields in their tables (format/Message.fbs).
_MESSAGE_HEADER = 2
_BATCH_BUFFERS = 2
_BATCH_COMPRESSION = 3
_BUFFER = struct.Struct("<qq")  # offset and length in the body
_STORED = -1  # a buffer in a compressed batch that is itself not compressed


def unpacked_bytes(message: pa.ipc.Message) -> int:
    """Return the bytes that MESSAGE takes when it is decompressed; 0 where it is not compressed.

    Raises struct.error and ValueError for a message that cannot be right.
    """
    if message.type != "record batch":
        return 0
    about = memoryview(message.metadata)
    batch = _deref(about, _field(about, _deref(about, 0), _MESSAGE_HEADER))
    if not _field(about, batch, _BATCH_COMPRESSION):
        return 0
    buffers = _deref(about, _field(about, batch, _BATCH_BUFFERS))
    (count,) = struct.unpack_from("<I", about, buffers)
    body = memoryview(message.body)
    table = about[buffers + 4 : buffers + 4 + count * _BUFFER.size]
    return sum(_unpacked(body, offset, length) for offset, length in _BUFFER.iter_unpack(table))


def _unpacked(body: memoryview, offset: int, length: int) -> int:
    """Return the size that a buffer begins with."""
    if not length:
        return 0
    (size,) = struct.unpack_from("<q", body, offset)
    if size < _STORED:
        msg = f"a buffer of {size} bytes"
        raise ValueError(msg)
    return int(length if size == _STORED else size)


def _deref(about: memoryview, place: int) -> int:
    """Return where the offset at PLACE leads."""
    (offset,) = struct.unpack_from("<I", about, place)
    return int(place + offset)


def _field(about: memoryview, table: int, index: int) -> int:
    """Return the place of a table's field, 0 where it is left out."""
    (back,) = struct.unpack_from("<i", about, table)
    vtable = table - back
    (size,) = struct.unpack_from("<H", about, vtable)
    slot = 4 + 2 * index
    if slot >= size:
        return 0
    (offset,) = struct.unpack_from("<H", about, vtable + slot)
    return int(table + offset) if offset else 0
