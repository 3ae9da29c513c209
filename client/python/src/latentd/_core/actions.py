"""What an operation asks its driver to do.

An operation is a generator: it yields actions and is sent their answers, or has their errors thrown into it; what it
returns is what its caller gets. Both drivers, the blocking one and that of asyncio, carry out the same operations.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from google.protobuf.message import Message

from latentd import errors
from latentd._core.methods import Method

T = TypeVar("T")
Answer = TypeVar("Answer", bound=Message)


class Stopped(BaseException):
    """Thrown into an operation whose caller has left: it may still tell the server, then lets this pass."""


class Silent(Exception):
    """Nothing came from the stream for the time that `Read` allows."""


@dataclass(frozen=True)
class Call(Generic[Answer]):
    """One try of a unary call; answered with its response. `timeout` in seconds; None: however long it takes."""

    method: Method[Answer]
    request: Message
    timeout: float | None


@dataclass(frozen=True)
class Open(Generic[Answer]):
    """Starts a call that answers with a stream. An operation has one open at most."""

    method: Method[Answer]
    request: Message


@dataclass(frozen=True)
class Read:
    """Answered with the stream's next message, or None when it has ended well. After `Silent` it may be asked again."""

    timeout: float


@dataclass(frozen=True)
class Close:
    """Ends the open stream, if there is one."""


@dataclass(frozen=True)
class Pause:
    """Waits before the next try. `why` is the error of the last one."""

    seconds: float
    why: errors.Error


@dataclass(frozen=True)
class Emit:
    """Hands an item to the caller."""

    item: Any


Action = Call[Any] | Open[Any] | Read | Close | Pause | Emit
Operation = Generator[Action, Any, T]


def call(method: Method[Answer], request: Message, timeout: float | None) -> Operation[Answer]:
    return cast(Answer, (yield Call(method, request, timeout)))
