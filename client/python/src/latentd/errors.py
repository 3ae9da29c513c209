"""What goes wrong: one class for each gRPC status code, and the details that the server gives (AIP-193)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import grpc
from google.rpc import error_details_pb2, status_pb2


@dataclass(frozen=True)
class FieldViolation:
    """What is wrong with one field of the request, such as `spec.steps`."""

    field: str
    description: str


@dataclass(frozen=True)
class QuotaViolation:
    """Which quota is used up, and of whom."""

    subject: str
    description: str


class Error(Exception):
    """An error of the server, or of the way to it. The classes below are its kinds, one for each status code."""

    def __init__(self, message: str, *, status: status_pb2.Status | None = None, job: str = "") -> None:
        super().__init__(message)
        #: What happened; a further line for each violation that the server's message does not hold.
        self.message = message
        #: Name of the job that it is about, "jobs/<uuid>"; empty when there is none (yet).
        self.job = job
        #: The error as the server sent it; an empty message when it was made on this side.
        self.status = status if status is not None else status_pb2.Status()
        #: Why, as a stable word: "QUEUE_FULL", "INVALID_REQUEST" …; empty for an error that no latentd gave.
        self.reason = ""
        #: What belongs to the reason.
        self.metadata: Mapping[str, str] = {}
        self.field_violations: list[FieldViolation] = []
        self.quota_violations: list[QuotaViolation] = []
        #: What was not found or exists already: its name, such as "models/x"; otherwise empty.
        self.resource = ""
        #: The server asks to come back after so many seconds; below 0: not at all; None: it does not say.
        self.retry_delay: float | None = None
        self._unpack()

    @property
    def code(self) -> grpc.StatusCode:
        return next((code for code, kind in _KINDS.items() if isinstance(self, kind)), grpc.StatusCode.UNKNOWN)

    def __str__(self) -> str:
        return f"{self.job}: {self.message}" if self.job and self.job not in self.message else self.message

    def _unpack(self) -> None:
        info = error_details_pb2.ErrorInfo()
        request = error_details_pb2.BadRequest()
        quota = error_details_pb2.QuotaFailure()
        resource = error_details_pb2.ResourceInfo()
        retry = error_details_pb2.RetryInfo()
        for detail in self.status.details:
            if detail.Unpack(info):
                self.reason, self.metadata = info.reason, dict(info.metadata)
            elif detail.Unpack(request):
                self.field_violations += [FieldViolation(v.field, v.description) for v in request.field_violations]
            elif detail.Unpack(quota):
                self.quota_violations += [QuotaViolation(v.subject, v.description) for v in quota.violations]
            elif detail.Unpack(resource):
                self.resource = resource.resource_name
            elif detail.Unpack(retry):
                self.retry_delay = retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
        for field in self.field_violations:
            if field.field not in self.status.message or field.description not in self.status.message:
                self.message += f"\n  {field.field}: {field.description}" if field.field else f"\n  {field.description}"
        for violation in self.quota_violations:
            if violation.description not in self.status.message:
                self.message += f"\n  {violation.subject}: {violation.description}"


class InvalidArgument(Error):
    """The request is wrong: `field_violations` says where."""


class NotFound(Error):
    """There is no such model, adapter, job, output or blob: `resource` names it."""


class AlreadyExists(Error):
    """The `request_id` was used for another request."""


class FailedPrecondition(Error):
    """Not in this state: the model cannot do the task, is broken or in use, or the job has not ended."""


class ResourceExhausted(Error):
    """A quota is used up: see `quota_violations`; `retry_delay` when waiting helps."""


class Unavailable(Error):
    """The server cannot be reached, or is too busy, and the tries were given up."""


class DeadlineExceeded(Error):
    """It was not done in time."""


class Cancelled(Error):
    """The call or job was cancelled."""


class DataLoss(Error):
    """Bytes arrived damaged."""


class PermissionDenied(Error):
    """The caller may not do this."""


class Unauthenticated(Error):
    """The caller's credentials are missing or wrong."""


class Unimplemented(Error):
    """This server does not do that."""


class OutOfRange(Error):
    """Past the end."""


class Aborted(Error):
    """Another call was in the way."""


class Internal(Error):
    """A fault of the server."""


class Unknown(Error):
    """An error without a code that gRPC knows."""


class JobFailed(Error):
    """The job ended as failed; `code` and the details say why, `job` is its name."""

    @property
    def code(self) -> grpc.StatusCode:
        return _code_of(self.status.code)


class JobCancelled(Cancelled):
    """The job was cancelled; `reason` is "CALLER", "CALLER_GONE" or "DRAINED", `job` its name."""


_KINDS: dict[grpc.StatusCode, type[Error]] = {
    grpc.StatusCode.CANCELLED: Cancelled,
    grpc.StatusCode.UNKNOWN: Unknown,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhausted,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPrecondition,
    grpc.StatusCode.ABORTED: Aborted,
    grpc.StatusCode.OUT_OF_RANGE: OutOfRange,
    grpc.StatusCode.UNIMPLEMENTED: Unimplemented,
    grpc.StatusCode.INTERNAL: Internal,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DATA_LOSS: DataLoss,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
}


def _code_of(number: int) -> grpc.StatusCode:
    """The code of this number; UNKNOWN for those that gRPC does not know, and for OK, which is no error."""
    return next((code for code in _KINDS if code.value[0] == number), grpc.StatusCode.UNKNOWN)


def from_status(status: status_pb2.Status) -> Error:
    """The error that a status is."""
    return _KINDS[_code_of(status.code)](status.message, status=status)
