"""The client for asyncio."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from latentd import v1
from latentd._async_driver import AsyncDriver, OnRetry, told
from latentd._channel_arguments import CHANNEL_ARGUMENTS
from latentd._core.operations import Operations
from latentd.events import Completed, Event, Progress
from latentd.inputs import GenerationSpecFields, JobOptionsFields
from latentd.options import ClientOptions
from latentd.results import OutputFile, Result

if TYPE_CHECKING:
    from typing_extensions import Unpack


class AsyncClient:
    """`Client` for asyncio: the same methods, arguments and errors.

        async with latentd.AsyncClient("127.0.0.1:50051") as client:
            result = await client.generate(model="pictograms", prompt="a red apple", seed=7)
            result.images[0].save("apple.png")

    It belongs to the event loop that runs when it is made; any number of its tasks may call at once. Cancelling a task
    that generates cancels its job. Callbacks may be coroutines.
    """

    def __init__(
        self,
        target: str | grpc.aio.Channel,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        metadata: Sequence[tuple[str, str]] = (),
        options: ClientOptions | None = None,
    ) -> None:
        """See `Client.__init__`."""
        options = options or ClientOptions()
        self._own_channel: grpc.aio.Channel | None = None
        if isinstance(target, str):
            if credentials is None:
                target = grpc.aio.insecure_channel(target, CHANNEL_ARGUMENTS)
            else:
                target = grpc.aio.secure_channel(target, credentials, CHANNEL_ARGUMENTS)
            self._own_channel = target
        self._driver = AsyncDriver(target, metadata, options.clock)
        self._operations = Operations(options)
        self._cancel_grace = options.cancel_grace

    async def close(self) -> None:
        """See `Client.close`."""
        await self._driver.close(self._cancel_grace)
        if self._own_channel is not None:
            await self._own_channel.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def generate(
        self,
        spec: v1.GenerationSpec | None = None,
        *,
        options: v1.JobOptions | JobOptionsFields | None = None,
        request_id: str = "",
        timeout: float | None = None,
        on_progress: Callable[[Progress], Any] | None = None,
        on_event: Callable[[Event], Any] | None = None,
        on_retry: OnRetry | None = None,
        **fields: Unpack[GenerationSpecFields],
    ) -> Result:
        """See `Client.generate`. Callbacks run in this task; one that is a coroutine is waited for."""
        events = self.stream(spec, options=options, request_id=request_id, timeout=timeout, on_retry=on_retry, **fields)
        return await _result(events, on_progress, on_event)

    def stream(
        self,
        spec: v1.GenerationSpec | None = None,
        *,
        options: v1.JobOptions | JobOptionsFields | None = None,
        request_id: str = "",
        timeout: float | None = None,
        on_retry: OnRetry | None = None,
        **fields: Unpack[GenerationSpecFields],
    ) -> AsyncGenerator[Event, None]:
        """See `Client.stream`. A loop that is left early cancels its job soon after; who wants it done by then closes
        the iterator, by `contextlib.aclosing` or its `aclose()`."""
        operation = self._operations.generate(spec, fields, options, request_id, timeout)
        return self._driver.iterate(operation, on_retry)

    def watch(
        self,
        job: str | v1.Job,
        *,
        after_sequence: int = 0,
        timeout: float | None = None,
        on_retry: OnRetry | None = None,
    ) -> AsyncGenerator[Event, None]:
        """See `Client.watch`."""
        return self._driver.iterate(self._operations.watch(job, after_sequence, timeout), on_retry)

    async def wait(
        self,
        job: str | v1.Job,
        *,
        timeout: float | None = None,
        on_progress: Callable[[Progress], Any] | None = None,
        on_event: Callable[[Event], Any] | None = None,
        on_retry: OnRetry | None = None,
    ) -> Result:
        """See `Client.wait`."""
        return await _result(self.watch(job, timeout=timeout, on_retry=on_retry), on_progress, on_event)

    async def create_job(
        self,
        spec: v1.GenerationSpec | None = None,
        *,
        options: v1.JobOptions | JobOptionsFields | None = None,
        request_id: str = "",
        timeout: float | None = None,
        on_retry: OnRetry | None = None,
        **fields: Unpack[GenerationSpecFields],
    ) -> v1.Job:
        """See `Client.create_job`."""
        operation = self._operations.create_job(spec, fields, options, request_id, timeout)
        return await self._driver.run(operation, on_retry)

    async def get_job(self, job: str | v1.Job, *, timeout: float | None = None) -> v1.Job:
        """See `Client.get_job`."""
        return await self._driver.run(self._operations.get_job(job, timeout))

    async def list_jobs(
        self,
        *,
        states: Iterable[str | int] = (),
        labels: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> list[v1.Job]:
        """See `Client.list_jobs`."""
        return await self._driver.run(self._operations.list_jobs(states, labels or {}, timeout))

    async def cancel_job(self, job: str | v1.Job, *, timeout: float | None = None) -> v1.Job:
        """See `Client.cancel_job`."""
        return await self._driver.run(self._operations.cancel_job(job, timeout))

    async def delete_job(self, job: str | v1.Job, *, timeout: float | None = None) -> None:
        """See `Client.delete_job`."""
        await self._driver.run(self._operations.delete_job(job, timeout))

    async def get_output(self, job: str | v1.Job, index: int, *, timeout: float | None = None) -> OutputFile:
        """See `Client.get_output`."""
        return await self._driver.run(self._operations.get_output(job, index, timeout))

    async def put_blob(self, data: bytes, *, timeout: float | None = None, on_retry: OnRetry | None = None) -> str:
        """See `Client.put_blob`."""
        return await self._driver.run(self._operations.put_blob(data, timeout), on_retry)

    async def list_models(self, *, timeout: float | None = None) -> list[v1.Model]:
        """See `Client.list_models`."""
        return await self._driver.run(self._operations.list_models(timeout))

    async def get_model(self, model: str, *, timeout: float | None = None) -> v1.Model:
        """See `Client.get_model`."""
        return await self._driver.run(self._operations.get_model(model, timeout))

    async def load_model(self, model: str, *, timeout: float | None = None) -> v1.Model:
        """See `Client.load_model`."""
        return await self._driver.run(self._operations.load_model(model, timeout))

    async def unload_model(self, model: str, *, timeout: float | None = None) -> v1.Model:
        """See `Client.unload_model`."""
        return await self._driver.run(self._operations.unload_model(model, timeout))

    async def list_adapters(self, *, timeout: float | None = None) -> list[v1.Adapter]:
        """See `Client.list_adapters`."""
        return await self._driver.run(self._operations.list_adapters(timeout))

    async def health(self, *, timeout: float | None = None) -> bool:
        """See `Client.health`."""
        return await self._driver.run(self._operations.health(timeout))

    async def stats(self, *, timeout: float | None = None) -> v1.Stats:
        """See `Client.stats`."""
        return await self._driver.run(self._operations.stats(timeout))


async def _result(
    events: AsyncGenerator[Event, None],
    on_progress: Callable[[Progress], Any] | None,
    on_event: Callable[[Event], Any] | None,
) -> Result:
    async with aclosing(events):
        async for event in events:
            if on_event is not None:
                await told(on_event(event))
            if on_progress is not None and isinstance(event, Progress):
                await told(on_progress(event))
            if isinstance(event, Completed):
                result = event.result
    return result
