"""Client of latentd, a gRPC service that makes images with latent diffusion models.

`Client` blocks, `AsyncClient` is its like for asyncio; `latentd.v1` has the API's messages.
"""

from latentd import v1
from latentd.async_client import AsyncClient
from latentd.client import Client
from latentd.errors import (
    Aborted,
    AlreadyExists,
    Cancelled,
    DataLoss,
    DeadlineExceeded,
    Error,
    FailedPrecondition,
    FieldViolation,
    Internal,
    InvalidArgument,
    JobCancelled,
    JobFailed,
    NotFound,
    OutOfRange,
    PermissionDenied,
    QuotaViolation,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Unimplemented,
    Unknown,
)
from latentd.events import Completed, Event, OutputReady, Progress, Queued, Requeued, Started
from latentd.options import ClientOptions, Clock, RetryOptions
from latentd.results import Output, OutputFile, Result

__all__ = [
    "Aborted",
    "AlreadyExists",
    "AsyncClient",
    "Cancelled",
    "Client",
    "ClientOptions",
    "Clock",
    "Completed",
    "DataLoss",
    "DeadlineExceeded",
    "Error",
    "Event",
    "FailedPrecondition",
    "FieldViolation",
    "Internal",
    "InvalidArgument",
    "JobCancelled",
    "JobFailed",
    "NotFound",
    "OutOfRange",
    "Output",
    "OutputFile",
    "OutputReady",
    "PermissionDenied",
    "Progress",
    "Queued",
    "QuotaViolation",
    "Requeued",
    "ResourceExhausted",
    "Result",
    "RetryOptions",
    "Started",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Unknown",
    "v1",
]
