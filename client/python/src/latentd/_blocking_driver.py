"""Carries operations out on the caller's thread."""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from functools import partial
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from latentd import errors
from latentd._core import actions
from latentd._core.rpc_error import from_rpc
from latentd.options import Clock

T = TypeVar("T")
OnRetry = Callable[[errors.Error, float], None]


class BlockingDriver:
    """Thread-safe, as the channel is."""

    def __init__(self, channel: grpc.Channel, metadata: Sequence[tuple[str, str]], clock: Clock) -> None:
        self._channel = channel
        self._metadata = tuple(metadata)
        self._clock = clock
        self._open: weakref.WeakSet[Generator[Any, None, None]] = weakref.WeakSet()

    def run(self, operation: actions.Operation[T], on_retry: OnRetry | None = None) -> T:
        """What the operation returns."""
        with closing(self._iterate(operation, on_retry)) as items:
            for item in items:
                last = item
        result: T = last
        return result

    def iterate(self, operation: actions.Operation[Any], on_retry: OnRetry | None) -> Generator[Any, None, None]:
        """What the operation emits, and at last what it returns. Left early, by an interrupt too, it is stopped."""
        items = self._iterate(operation, on_retry)
        self._open.add(items)
        return items

    def close(self) -> None:
        """Stops what was not iterated to its end."""
        for items in list(self._open):
            with suppress(ValueError):  # Another thread waits for its next item, against the rule.
                items.close()

    def _iterate(self, operation: actions.Operation[Any], on_retry: OnRetry | None) -> Generator[Any, None, None]:
        stream: _Stream | None = None
        answer: Any = None
        failure: BaseException | None = None
        left_by: BaseException | None = None  # why the caller is gone
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
                        answer = self._call(action)
                    elif isinstance(action, actions.Open):
                        stream = _Stream(partial(self._start, action))
                    elif isinstance(action, actions.Read) and stream is not None:
                        answer = stream.read(action.timeout)
                    elif isinstance(action, actions.Close) and stream is not None:
                        stream.close()
                    elif isinstance(action, actions.Pause):
                        if on_retry is not None:
                            on_retry(action.why, action.seconds)
                        self._clock.sleep(action.seconds)
                except (grpc.RpcError, actions.Silent) as error:
                    failure = error if isinstance(error, actions.Silent) else from_rpc(error)
                except BaseException as error:
                    left_by, failure = error, actions.Stopped()
        except actions.Stopped:
            assert left_by is not None
            raise left_by from None
        finally:
            if stream is not None:
                stream.close()
        yield result

    def _call(self, action: actions.Call[Any]) -> Message:
        method = action.method.on(self._channel.unary_unary)
        answer: Message = method(action.request, timeout=action.timeout, metadata=self._metadata)
        return answer

    def _start(self, action: actions.Open[Any]) -> Any:
        method = action.method.on(self._channel.unary_stream)
        return method(action.request, metadata=self._metadata)


class _Stream:
    """A stream of messages, read with patience: gRPC's own iterator waits for ever, so a thread waits in its place.

    That thread opens the call too. Ctrl-C reaches the main thread only; between gRPC's making the call and its starting
    to serve it, it would leave a call that the channel's close() waits for without end.

    The next message is asked for when it is wanted, so that a slow caller holds back the server and not this process's
    memory.
    """

    def __init__(self, start: Callable[[], Any]) -> None:
        self._start = start
        self._call: Any = None
        self._wanted = threading.Semaphore(0)
        self._arrived: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._pending = False
        self._closed = False
        self._lock = threading.Lock()  # of _call and _closed: whoever comes second cancels
        threading.Thread(target=self._pump, name="latentd-stream", daemon=True).start()

    def read(self, timeout: float) -> Any:
        if not self._pending:
            self._pending = True
            self._wanted.release()
        try:
            message = self._arrived.get(timeout=timeout)
        except queue.Empty:
            raise actions.Silent from None
        self._pending = False
        if isinstance(message, Exception):
            raise message
        return message

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._call is not None:
                self._call.cancel()
        self._wanted.release()

    def _pump(self) -> None:
        try:
            call = self._start()
        except Exception as error:
            self._arrived.put(error)
            return
        with self._lock:
            self._call = call
            if self._closed:
                call.cancel()
        while True:
            self._wanted.acquire()
            if self._closed:
                return
            try:
                self._arrived.put(next(call, None))
            except Exception as error:  # to be raised where it was asked for
                self._arrived.put(error)
