"""A job's events as one unbroken sequence."""

from __future__ import annotations

from typing import cast

from latentd import errors
from latentd._core.actions import Close, Open, Operation, Pause, Read, Silent
from latentd._core.caller import Caller
from latentd._core.methods import WATCH_JOB
from latentd.v1.event_pb2 import Event
from latentd.v1.image_generation_pb2 import WatchJobRequest

TERMINAL = ("completed", "failed", "cancelled")


class TimeIsUp(Exception):
    """The deadline was reached. The wait may be taken up again with another one."""


class JobWatcher:
    """A stream that is lost, falls silent or ends without a terminal event is taken up again after the last event that
    was seen."""

    def __init__(self, caller: Caller, job: str, after_sequence: int) -> None:
        self._caller = caller
        self._policy = caller.policy()
        self._job = job
        self._last_sequence = after_sequence
        self._open = False

    def next(self, deadline: float) -> Operation[Event]:
        """Waits for the next event: never a heartbeat, nor an event twice. Raises `TimeIsUp`, or the error with which
        the tries were given up."""
        limit = self._caller.options.silence_limit
        while True:
            left = deadline - self._caller.now()
            if left <= 0:
                raise TimeIsUp
            if not self._open:
                yield Open(WATCH_JOB, WatchJobRequest(name=self._job, after_sequence=self._last_sequence))
                self._open = True
            try:
                event = cast("Event | None", (yield Read(min(limit, left))))
            except Silent:
                if left <= limit:
                    raise TimeIsUp from None
                loss: errors.Error = errors.Unavailable(f"nothing came for {limit:g} s")
            except errors.Error as error:
                loss = _as_loss(error)
            else:
                if event is not None:
                    self._policy.succeeded()
                    # A terminal event is the last there is, also when the sequence is behind: a store may come back
                    # with less than it had, and a watch may begin beyond the end.
                    if event.sequence > self._last_sequence or event.WhichOneof("kind") in TERMINAL:
                        self._last_sequence = event.sequence
                        return event
                    continue  # A heartbeat, or what a server sent twice.
                loss = errors.Unavailable("the stream ended before the job did")
            yield Close()
            self._open = False
            now = self._caller.now()
            delay = self._policy.next_delay(loss, now)
            if delay is None:
                raise loss
            yield Pause(max(min(delay, deadline - now), 0), loss)


def _as_loss(error: errors.Error) -> errors.Error:
    """How a stream that broke failed. The server gives a reason with each of its own errors; what comes without one was
    made on the way (a proxy's timeout, a reset connection), and the stream can be taken up again."""
    on_the_way = (errors.Cancelled, errors.Unknown, errors.DeadlineExceeded, errors.Aborted, errors.Internal)
    if error.reason or not isinstance(error, on_the_way):
        return error
    return errors.Unavailable(f"the connection was lost: {error.message}")
