"""Errors of gRPC, as ours."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from latentd import errors

_DETAILS = "grpc-status-details-bin"
_PUSHBACK = "grpc-retry-pushback-ms"


def from_rpc(rpc: Any) -> errors.Error:
    """The error that a call ended with; `rpc` is what gRPC raised, by either of its interfaces."""
    trailers = {key: value for key, value in rpc.trailing_metadata() or ()}
    status = status_pb2.Status()
    try:
        status.ParseFromString(trailers.get(_DETAILS, b""))
    except DecodeError:
        status.Clear()
    # The call's own code and message win over those of the details.
    status.code = rpc.code().value[0]
    status.message = rpc.details() or ""
    if _PUSHBACK in trailers and not any(d.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for d in status.details):
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(_pushback(trailers[_PUSHBACK]))
        status.details.add().Pack(retry)
    return errors.from_status(status)


def _pushback(text: str) -> int:
    """As gRFC A6 defines it: a number below zero, or none at all, means not to try again."""
    try:
        return int(text)
    except ValueError:
        return -1
