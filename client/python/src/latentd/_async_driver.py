"""Carries operations out with asyncio."""

from __future__ import annotations

import asyncio
import inspect
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from typing import Any, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import Message

from latentd import errors
from latentd._core import actions
from latentd._core.rpc_error import from_rpc
from latentd.options import Clock

T = TypeVar("T")
OnRetry = Callable[[errors.Error, float], "Awaitable[None] | None"]


class AsyncDriver:
    """For one event loop, any number of tasks."""

    def __init__(self, channel: grpc.aio.Channel, metadata: Sequence[tuple[str, str]], clock: Clock) -> None:
        self._channel = channel
        self._metadata = tuple(metadata)
        self._clock = clock
        self._open: weakref.WeakSet[AsyncGenerator[Any, None]] = weakref.WeakSet()
        self._running: set[asyncio.Future[None]] = set()

    async def run(self, operation: actions.Operation[T], on_retry: OnRetry | None = None) -> T:
        """What the operation returns."""
        async with aclosing(self._iterate(operation, on_retry)) as items:
            async for item in items:
                last = item
        result: T = last
        return result

    def iterate(self, operation: actions.Operation[Any], on_retry: OnRetry | None) -> AsyncGenerator[Any, None]:
        """What the operation emits, and at last what it returns. Left early, by cancellation too, it is stopped."""
        items = self._iterate(operation, on_retry)
        self._open.add(items)
        return items

    async def close(self, patience: float) -> None:
        """Stops what was not iterated to its end, and waits for what is being stopped: a loop that is left lets go of
        its iterator, which asyncio then closes in a task of its own."""
        for items in list(self._open):
            with suppress(RuntimeError):  # Another task waits for its next item, against the rule.
                await items.aclose()
        if self._running:
            await asyncio.wait(self._running, timeout=patience)

    async def _iterate(self, operation: actions.Operation[Any], on_retry: OnRetry | None) -> AsyncGenerator[Any, None]:
        stream: _Stream | None = None
        answer: Any = None
        failure: BaseException | None = None
        left_by: BaseException | None = None  # why the caller is gone
        running = asyncio.get_running_loop().create_future()
        self._running.add(running)
        try:
            while True:
                try:
                    action = operation.send(answer) if failure is None else operation.throw(failure)
                except StopIteration as end:
                    result = end.value
                    break
                answer = failure = None
                try:
                    if isinstance(action, actions.Emit):
                        yield action.item
                    elif isinstance(action, actions.Call):
                        answer = await self._call(action)
                    elif isinstance(action, actions.Open):
                        stream = _Stream(self._start(action))
                    elif isinstance(action, actions.Read) and stream is not None:
                        answer = await stream.read(action.timeout)
                    elif isinstance(action, actions.Close) and stream is not None:
                        await stream.close()
                    elif isinstance(action, actions.Pause):
                        if on_retry is not None:
                            await told(on_retry(action.why, action.seconds))
                        await self._clock.sleep_async(action.seconds)
                except (grpc.RpcError, actions.Silent) as error:
                    failure = error if isinstance(error, actions.Silent) else from_rpc(error)
                except BaseException as error:
                    left_by, failure = error, actions.Stopped()
        except actions.Stopped:
            assert left_by is not None
            raise left_by from None
        finally:
            self._running.discard(running)
            running.set_result(None)
            if stream is not None:
                await stream.close()
        yield result

    async def _call(self, action: actions.Call[Any]) -> Message:
        method = action.method.on(self._channel.unary_unary)
        answer: Message = await method(action.request, timeout=action.timeout, metadata=self._metadata)
        return answer

    def _start(self, action: actions.Open[Any]) -> Any:
        method = action.method.on(self._channel.unary_stream)
        return method(action.request, metadata=self._metadata)


async def told(answer: Awaitable[None] | None) -> None:
    """Waits for a callback that is a coroutine."""
    if inspect.isawaitable(answer):
        await answer


class _Stream:
    """A stream of messages, read with patience: a read that takes too long stays under way, for gRPC ends a call whose
    read is cancelled."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self._reading: asyncio.Task[Any] | None = None

    async def read(self, timeout: float) -> Any:
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._call.read())
        done, _ = await asyncio.wait({self._reading}, timeout=timeout)
        if not done:
            raise actions.Silent
        message = self._reading.result()
        self._reading = None
        return None if message is grpc.aio.EOF else message

    async def close(self) -> None:
        self._call.cancel()
        if self._reading is not None:
            await asyncio.gather(self._reading, return_exceptions=True)
            self._reading = None
