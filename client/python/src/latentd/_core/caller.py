"""Unary calls, with their tries."""

from __future__ import annotations

import math
import random
from typing import TypeVar

from google.protobuf.message import Message

from latentd import errors
from latentd._core.actions import Operation, Pause, call
from latentd._core.methods import Method
from latentd._core.retry_policy import RetryPolicy
from latentd.options import ClientOptions

Answer = TypeVar("Answer", bound=Message)


class Caller:
    """What a client's operations share. Thread-safe: all that changes is one flag, which only ever becomes true."""

    def __init__(self, options: ClientOptions) -> None:
        self.options = options
        self._answered = False  # some call of this client has succeeded

    def now(self) -> float:
        return self.options.clock.now()

    def deadline(self, timeout: float | None) -> float:
        """When an operation that begins now is given up."""
        return math.inf if timeout is None else self.now() + timeout

    def policy(self) -> RetryPolicy:
        return RetryPolicy(self.options.retry, random.random, self._answered)

    def call(self, method: Method[Answer], request: Message, deadline: float) -> Operation[Answer]:
        """Makes a call that may safely be repeated until it succeeds, fails for good, or the deadline leaves no time to
        try again: DeadlineExceeded, or what the server itself said last."""
        return self.call_at_length(method, request, deadline, self.options.call_timeout)

    def call_at_length(
        self, method: Method[Answer], request: Message, deadline: float, try_timeout: float
    ) -> Operation[Answer]:
        """The same, each try taking up to `try_timeout` seconds; one that takes longer counts as UNAVAILABLE."""
        policy = self.policy()
        while True:
            left = max(deadline - self.now(), 0)
            time = min(left, try_timeout)
            try:
                answer = yield from call(method, request, None if time == math.inf else time)
            except errors.Error as error:
                failure = error
                if isinstance(error, errors.DeadlineExceeded) and not error.reason and time < left:
                    failure = errors.Unavailable("the server does not answer")
            else:
                self._answered = True
                return answer
            now = self.now()
            delay = policy.next_delay(failure, now)
            if delay is None:
                raise failure
            if now + delay >= deadline:
                # What the server itself said is told rather than that.
                raise failure if failure.reason else errors.DeadlineExceeded(f"{failure.message}; no time to try again")
            yield Pause(delay, failure)
