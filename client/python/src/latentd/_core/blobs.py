"""Large inputs, sent ahead."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from google.protobuf.message import Message

from latentd import errors, v1
from latentd._core.actions import Operation
from latentd._core.caller import Caller
from latentd._core.methods import PUT_CHUNK
from latentd.v1.blobs_pb2 import PutChunkRequest

# Larger pictures are sent ahead, as blobs.
MAX_INLINE_BYTES = 1 << 20
# So are the largest ones of a spec that takes more: a message takes 8 MiB in all.
MAX_SPEC_BYTES = 7 << 20
_CHUNK_BYTES = 1 << 20
# How often the server may have less than it had before, as after a restart.
_MAX_SETBACKS = 3


def put_blob(caller: Caller, data: bytes, deadline: float) -> Operation[str]:
    """Sends what the server lacks of the blob; returns its SHA-256."""
    if not data:
        raise ValueError("a blob has at least one byte")
    sha256 = hashlib.sha256(data).hexdigest()
    offset, part = 0, b""  # The first part is empty: it only asks what is there.
    setbacks = 0
    while setbacks <= _MAX_SETBACKS:
        request = PutChunkRequest(sha256=sha256, offset=offset, total_size=len(data), data=part)
        blob = yield from caller.call(PUT_CHUNK, request, deadline)
        if blob.complete:
            return sha256
        there = blob.received_size
        if not 0 <= there < len(data):
            raise errors.Internal(f"the server has {there} bytes of an unfinished blob of {len(data)}")
        if there < offset + len(part):
            setbacks += 1
        offset, part = there, data[there : there + _CHUNK_BYTES]
    raise errors.Unavailable(f"the server lost what was sent of the blob {sha256}, {setbacks} times")


def take_large_inputs(spec: v1.GenerationSpec) -> list[bytes]:
    """Takes the bytes of the pictures that are to be sent ahead out of `spec`, wherever in it they are, and leaves
    their hashes there."""
    files: list[bytes] = []
    for image in sorted(_images(spec), key=lambda image: len(image.data), reverse=True):
        size = len(image.data)
        if size == 0 or (size <= MAX_INLINE_BYTES and spec.ByteSize() <= MAX_SPEC_BYTES):
            break
        files.append(image.data)
        image.blob_sha256 = hashlib.sha256(image.data).hexdigest()
    return files


def _images(message: Message) -> Iterator[v1.InputImage]:
    """Every picture that is in the message."""
    if isinstance(message, v1.InputImage):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for part in value if field.is_repeated else [value]:
                yield from _images(part)
