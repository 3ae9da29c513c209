"""Jobs: made, followed, and cancelled when their caller leaves."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Any

from latentd import errors, v1
from latentd._core.actions import Operation, Stopped
from latentd._core.blobs import put_blob, take_large_inputs
from latentd._core.caller import Caller
from latentd._core.job_follower import JobFollower, cancelled, failed, utc
from latentd._core.job_watcher import TimeIsUp
from latentd._core.methods import CANCEL_JOB, CREATE_JOB, GET_JOB
from latentd.events import Completed
from latentd.results import Result
from latentd.v1.image_generation_pb2 import CancelJobRequest, CreateJobRequest, GetJobRequest


def create_job(caller: Caller, request: CreateJobRequest, deadline: float) -> Operation[v1.Job]:
    """Makes a job. `request` is the operation's own: its large pictures are sent ahead as blobs."""
    files = take_large_inputs(request.spec)
    yield from _send(caller, files, deadline)
    return (yield from _create(caller, request, files, deadline))


def generate(caller: Caller, request: CreateJobRequest, deadline: float) -> Operation[Completed]:
    """Makes a job and follows it to its end; cancels it when the caller leaves or the deadline passes."""
    files = take_large_inputs(request.spec)
    yield from _send(caller, files, deadline)
    try:
        job = (yield from _create(caller, request, files, deadline)).name
    except (Stopped, errors.DeadlineExceeded):
        yield from _cancel_unnamed(caller, request)
        raise
    follower = JobFollower(caller, job, after_sequence=0)
    try:
        return (yield from follower.run(deadline))
    except Stopped:
        yield from _cancel_quietly(caller, job)
        raise
    except TimeIsUp:
        pass
    grace = caller.deadline(caller.options.cancel_grace)
    try:
        yield from caller.call(CANCEL_JOB, CancelJobRequest(name=job), grace)
    except errors.Error as error:
        message = f"{job} may go on: cancelling it failed: {error.message}"
        raise errors.DeadlineExceeded(message, job=job) from error
    try:
        return (yield from follower.run(grace))  # It may have been quicker than the cancel.
    except (errors.JobCancelled, errors.Unavailable, TimeIsUp):
        raise errors.DeadlineExceeded(f"{job} was not finished in time", job=job) from None


def watch(caller: Caller, job: str, after_sequence: int, deadline: float) -> Operation[Completed]:
    """Follows a job to its end, and leaves it alone."""
    if after_sequence > 0:
        # A watch from beyond the end would wait for a terminal event that was sent before.
        now = yield from caller.call(GET_JOB, GetJobRequest(name=job), deadline)
        if now.HasField("end_time") and now.last_sequence <= after_sequence:
            return _end_of(now)
    try:
        return (yield from JobFollower(caller, job, after_sequence).run(deadline))
    except TimeIsUp:
        raise errors.DeadlineExceeded(f"{job} was not finished in time", job=job) from None


def _end_of(job: v1.Job) -> Completed:
    if job.state == v1.Job.STATE_FAILED:
        raise failed(job.name, job.error)
    if job.state == v1.Job.STATE_CANCELLED:
        raise cancelled(job.name, errors.from_status(job.error).metadata.get("reason", ""))
    warnings: Any = job.warnings  # the generated type takes the message Warning for the built-in one
    result = Result(job.name, [], job.usage, list(warnings))
    return Completed(job.name, job.last_sequence, utc(job.end_time), result)


def _send(caller: Caller, files: list[bytes], deadline: float) -> Operation[None]:
    for file in files:
        yield from put_blob(caller, file, deadline)


def _create(caller: Caller, request: CreateJobRequest, files: list[bytes], deadline: float) -> Operation[v1.Job]:
    request.request_id = request.request_id or str(uuid.uuid4())
    try:
        return (yield from caller.call(CREATE_JOB, request, deadline))
    except errors.NotFound as error:
        if not files or error.reason != "BLOB_NOT_FOUND":
            raise
    yield from _send(caller, files, deadline)  # The server has forgotten one in between.
    return (yield from caller.call(CREATE_JOB, request, deadline))


def _cancel_quietly(caller: Caller, job: str) -> Operation[None]:
    """The caller has left: there is nobody to tell of errors."""
    grace = caller.deadline(caller.options.cancel_grace)
    with suppress(errors.Error):
        yield from caller.call(CANCEL_JOB, CancelJobRequest(name=job), grace)


def _cancel_unnamed(caller: Caller, request: CreateJobRequest) -> Operation[None]:
    """The job may exist although its name has not come: the same request_id gives it again."""
    grace = caller.deadline(caller.options.cancel_grace)
    try:
        job = yield from caller.call(CREATE_JOB, request, grace)
    except errors.Error:
        return
    yield from _cancel_quietly(caller, job.name)
