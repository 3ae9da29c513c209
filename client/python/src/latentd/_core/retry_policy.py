"""Whether and when an operation is tried again."""

from __future__ import annotations

from collections.abc import Callable

from latentd import errors
from latentd.options import RetryOptions


class RetryPolicy:
    """Decides for one operation. Tried again are UNAVAILABLE, and every error that comes with RetryInfo or a pushback.

    `random` gives numbers from 0 to 1; `answered`: the server has answered this client before.
    """

    def __init__(self, options: RetryOptions, random: Callable[[], float], answered: bool) -> None:
        self._options = options
        self._random = random
        self._answered = answered
        self._backoff_factor = 1.0
        self._lost_since: float | None = None
        self._busy_since: float | None = None

    def next_delay(self, error: errors.Error, now: float) -> float | None:
        """The pause before the next try, in seconds; None when it is to be given up."""
        options = self._options
        if error.retry_delay is not None:
            if error.retry_delay < 0:
                return None
            # It is there, and speaks.
            self._answered = True
            self._backoff_factor = 1.0
            self._lost_since = None
            self._busy_since = now if self._busy_since is None else self._busy_since
            delay = max(error.retry_delay, options.initial_backoff) * (1 + 0.2 * self._random())
            limit = self._busy_since + options.busy_for
        elif isinstance(error, errors.Unavailable):
            self._lost_since = now if self._lost_since is None else self._lost_since
            backoff = min(options.initial_backoff * self._backoff_factor, options.max_backoff)
            delay = backoff * (1 - 0.5 * self._random())
            self._backoff_factor *= options.multiplier
            limit = self._lost_since + (options.reconnect_for if self._answered else options.connect_for)
        else:
            return None
        return None if now + delay > limit else delay

    def succeeded(self) -> None:
        """The server answered: the next failure is the first again."""
        self._answered = True
        self._backoff_factor = 1.0
        self._lost_since = None
        self._busy_since = None
