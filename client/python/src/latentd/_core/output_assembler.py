"""Outputs, put together from a job's events."""

from __future__ import annotations

import hashlib

from latentd import errors, v1
from latentd.results import Output
from latentd.v1.event_pb2 import OutputChunk


class _Part:
    def __init__(self, info: v1.Output) -> None:
        self.info = info
        self.data = bytearray()

    @property
    def has_bytes(self) -> bool:
        return self.info.state == v1.Output.STATE_OK


class OutputAssembler:
    """Puts the outputs of one job together and checks them: chunks in order and without gaps, the announced size, the
    announced SHA-256. Every error is DataLoss.

    With `joined_late` chunks of outputs that were announced before are passed over; otherwise they are an error.
    """

    def __init__(self, joined_late: bool) -> None:
        self._joined_late = joined_late
        self._parts: dict[int, _Part] = {}
        self._whole: dict[int, Output] = {}

    def announce(self, info: v1.Output) -> Output | None:
        """The output, when nothing more is to come for it."""
        if info.index in self._parts:
            raise _damaged(info.index, "it was announced twice")
        self._parts[info.index] = _Part(info)
        return self._if_whole(self._parts[info.index])

    def add(self, chunk: OutputChunk) -> Output | None:
        """The output, when this was its last chunk."""
        part = self._parts.get(chunk.index)
        if part is None:
            if self._joined_late:
                return None
            raise _damaged(chunk.index, "its bytes came before its announcement")
        if chunk.offset != len(part.data):
            raise _damaged(chunk.index, f"a chunk begins at byte {chunk.offset} instead of {len(part.data)}")
        if not part.has_bytes or len(part.data) + len(chunk.data) > part.info.size:
            raise _damaged(chunk.index, "more bytes than announced")
        part.data += chunk.data
        return self._if_whole(part)

    def finish(self) -> list[Output]:
        """All outputs; the job has completed, so they must be whole."""
        for index, part in self._parts.items():
            if index not in self._whole:
                raise _damaged(index, f"{len(part.data)} of {part.info.size} bytes came")
        return [self._whole[index] for index in sorted(self._whole)]

    def _if_whole(self, part: _Part) -> Output | None:
        info = part.info
        if part.has_bytes and len(part.data) < info.size:
            return None
        if part.has_bytes and hashlib.sha256(part.data).hexdigest() != info.sha256:
            raise _damaged(info.index, "its SHA-256 is not the announced one")
        output = Output(info, bytes(part.data))
        part.data = bytearray()
        self._whole[info.index] = output
        return output


def _damaged(index: int, what: str) -> errors.DataLoss:
    return errors.DataLoss(f"output {index} arrived damaged: {what}")
