"""One job, followed to its end."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from google.rpc import status_pb2

from latentd import errors, v1
from latentd._core.actions import Emit, Operation
from latentd._core.caller import Caller
from latentd._core.job_watcher import JobWatcher
from latentd._core.output_assembler import OutputAssembler
from latentd.events import Completed, Event, OutputReady, Progress, Queued, Requeued, Started
from latentd.results import Output, Result
from latentd.v1 import event_pb2


class JobFollower:
    """Hands a job's events on, puts its outputs together, and turns its terminal event into a result or an error."""

    def __init__(self, caller: Caller, job: str, after_sequence: int) -> None:
        self._job = job
        self._watcher = JobWatcher(caller, job, after_sequence)
        self._assembler = OutputAssembler(joined_late=after_sequence > 0)
        self._warnings: list[v1.Warning] = []

    def run(self, deadline: float) -> Operation[Completed]:
        """Emits all events but the last, which it returns. Errors: those of the job, and of the way to it. After
        `TimeIsUp` it may be run again, and goes on where it was."""
        try:
            while True:
                event = self._take((yield from self._watcher.next(deadline)))
                if isinstance(event, Completed):
                    return event
                if event is not None:
                    yield Emit(event)
        except errors.Error as error:
            error.job = self._job
            raise

    def _take(self, event: event_pb2.Event) -> Event | None:
        """What the caller is told; nothing of an output whose bytes are still to come."""
        base: dict[str, Any] = {"job": event.job, "sequence": event.sequence, "time": utc(event.time)}
        kind = event.WhichOneof("kind")
        if kind == "queued":
            return Queued(**base, position=event.queued.position, eta=_eta(event.queued))
        if kind == "started":
            self._warnings = list(event.started.warnings)
            return Started(**base, seed=event.started.seed, warnings=self._warnings)
        if kind == "requeued":
            return Requeued(**base, reason=event.requeued.reason, resume_step=event.requeued.resume_step)
        if kind == "progress":
            return _progress(base, event.progress)
        if kind == "output":
            return _ready(base, self._assembler.announce(event.output))
        if kind == "output_chunk":
            return _ready(base, self._assembler.add(event.output_chunk))
        if kind == "completed":
            usage = event.completed.usage
            return Completed(**base, result=Result(self._job, self._assembler.finish(), usage, self._warnings))
        if kind == "failed":
            raise failed(self._job, event.failed.status)
        if kind == "cancelled":
            raise cancelled(self._job, event.cancelled.reason)
        return None  # Of a newer server.


def failed(job: str, status: status_pb2.Status) -> errors.JobFailed:
    return errors.JobFailed(status.message, status=status, job=job)


def cancelled(job: str, reason: str) -> errors.JobCancelled:
    error = errors.JobCancelled(f"{job} was cancelled ({reason})", job=job)
    error.reason = reason
    return error


def utc(timestamp: Any) -> datetime:
    moment: datetime = timestamp.ToDatetime(tzinfo=timezone.utc)
    return moment


def _eta(message: event_pb2.Queued | event_pb2.Progress) -> timedelta | None:
    eta: timedelta | None = message.eta.ToTimedelta() if message.HasField("eta") else None
    return eta


def _progress(base: dict[str, Any], progress: event_pb2.Progress) -> Progress:
    return Progress(
        **base,
        output_index=progress.output_index,
        step=progress.step,
        total_steps=progress.total_steps,
        eta=_eta(progress),
        preview=progress.preview if progress.HasField("preview") else None,
    )


def _ready(base: dict[str, Any], output: Output | None) -> OutputReady | None:
    return None if output is None else OutputReady(**base, output=output)
