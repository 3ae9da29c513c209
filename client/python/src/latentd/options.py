"""How a client behaves: when it tries again, and how long it waits."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class RetryOptions:
    """How long and how often a call is tried; all times in seconds.

    Without a word from the server the pauses grow from `initial_backoff` by `multiplier` to `max_backoff`, each
    shortened at random by up to a half; with RetryInfo or a pushback they are what the server asked for, lengthened at
    random by up to a fifth.
    """

    initial_backoff: float = 0.2
    multiplier: float = 2
    max_backoff: float = 10
    #: How long a server is tried that has not answered this client yet. 0: once.
    connect_for: float = 10
    #: How long one is tried that did answer, and was lost.
    reconnect_for: float = 120
    #: How long one is tried that keeps asking to come back later.
    busy_for: float = 600


class Clock:
    """Time, as the client sees it; tests put their own in its place."""

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def sleep_async(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(frozen=True)
class ClientOptions:
    """All times in seconds."""

    retry: RetryOptions = RetryOptions()
    #: For one try of a call that answers at once.
    call_timeout: float = 30
    #: A server sends a heartbeat every 15 seconds: a stream that is silent for so long is taken for lost.
    silence_limit: float = 60
    #: How long a call that is given up waits for the job that it cancels.
    cancel_grace: float = 5
    clock: Clock = field(default_factory=Clock)
