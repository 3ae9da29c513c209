"""The blocking client."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from types import TracebackType
from typing import TYPE_CHECKING

import grpc

from latentd import v1
from latentd._blocking_driver import BlockingDriver, OnRetry
from latentd._channel_arguments import CHANNEL_ARGUMENTS
from latentd._core.operations import Operations
from latentd.events import Completed, Event, Progress
from latentd.inputs import GenerationSpecFields, JobOptionsFields
from latentd.options import ClientOptions
from latentd.results import OutputFile, Result

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Client:
    """A latentd server, seen by its callers. Thread-safe: any number of threads may call at once.

        with latentd.Client("127.0.0.1:50051") as client:
            result = client.generate(model="pictograms", prompt="a red apple", seed=7)
            result.images[0].save("apple.png")

    Calls are tried again as `ClientOptions.retry` says; all of them may safely be repeated. Each takes a `timeout` for
    all its tries, in seconds from the call on; None: none. Errors are `latentd.Error` and its subclasses; Unavailable
    means that the tries were given up. Jobs and models are named as the server does, "jobs/<uuid>" and
    "models/<folder>", or without the part before the slash.
    """

    def __init__(
        self,
        target: str | grpc.Channel,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        metadata: Sequence[tuple[str, str]] = (),
        options: ClientOptions | None = None,
    ) -> None:
        """`target`: "host:port", any target that gRPC understands, or a channel of the caller's own, which should allow
        large messages for `get_output`, and which `close` leaves open. `credentials`: those of
        `grpc.ssl_channel_credentials` and its like; None: plain text. `metadata` is sent with every call, such as
        [("authorization", "Bearer …")]. Nothing is sent before the first call."""
        options = options or ClientOptions()
        self._own_channel: grpc.Channel | None = None
        if isinstance(target, str):
            if credentials is None:
                target = grpc.insecure_channel(target, CHANNEL_ARGUMENTS)
            else:
                target = grpc.secure_channel(target, credentials, CHANNEL_ARGUMENTS)
            self._own_channel = target
        self._driver = BlockingDriver(target, metadata, options.clock)
        self._operations = Operations(options)

    def close(self) -> None:
        """Ends the iterators that are still open, as leaving their loops does, and gives the connection back. No call
        may be under way, and none may follow."""
        self._driver.close()
        if self._own_channel is not None:
            self._own_channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def generate(
        self,
        spec: v1.GenerationSpec | None = None,
        *,
        options: v1.JobOptions | JobOptionsFields | None = None,
        request_id: str = "",
        timeout: float | None = None,
        on_progress: Callable[[Progress], object] | None = None,
        on_event: Callable[[Event], object] | None = None,
        on_retry: OnRetry | None = None,
        **fields: Unpack[GenerationSpecFields],
    ) -> Result:
        """Makes a job and waits for what it makes.

        The specification is given by the fields of GenerationSpec as keywords (see `latentd.inputs`), or whole as
        `spec`; keywords win. Pictures of more than 1 MiB, and the largest of many, are sent ahead as blobs.
        `request_id` makes a repeated call give the same job; left out, a fresh one is shared by the tries of this call.

        The callbacks run on this thread, one at a time; while one runs nothing is read from the server, which loses
        nothing but old progress. `on_event` is told everything, `on_progress` steps alone, `on_retry` why a try failed
        and how many seconds it is until the next.

        A lost connection loses neither the job nor any of its outputs. When the timeout passes, a callback raises, or
        the call is interrupted (KeyboardInterrupt), the job is cancelled, also one whose name has not come yet. When
        the connection stays lost (Unavailable) or an output arrives damaged (DataLoss), the job is left alone;
        `error.job` is its name. Further errors: JobFailed, JobCancelled, DeadlineExceeded, and those of the request,
        such as InvalidArgument. TypeError and ValueError: a field does not exist or cannot hold the value.
        """
        events = self.stream(spec, options=options, request_id=request_id, timeout=timeout, on_retry=on_retry, **fields)
        return _result(events, on_progress, on_event)

    def stream(
        self,
        spec: v1.GenerationSpec | None = None,
        *,
        options: v1.JobOptions | JobOptionsFields | None = None,
        request_id: str = "",
        timeout: float | None = None,
        on_retry: OnRetry | None = None,
        **fields: Unpack[GenerationSpecFields],
    ) -> Generator[Event, None, None]:
        """As `generate`, but iterates over what happens: each event once and in order, whatever happens to the
        connection. The last one is Completed, with the result; otherwise an error is raised.

        The job is made when the first event is asked for. Leaving the loop early cancels it; who keeps the iterator in
        a variable closes it, by `contextlib.closing` or its `close()`. It is for one thread at a time.
        """
        operation = self._operations.generate(spec, fields, options, request_id, timeout)
        return self._driver.iterate(operation, on_retry)

    def watch(
        self,
        job: str | v1.Job,
        *,
        after_sequence: int = 0,
        timeout: float | None = None,
        on_retry: OnRetry | None = None,
    ) -> Generator[Event, None, None]:
        """Follows a job from after event `after_sequence` to its end, as `stream` does, but leaves it running when the
        loop is left or the timeout passes (DeadlineExceeded). Outputs that were announced before are left out:
        `get_output` fetches them."""
        return self._driver.iterate(self._operations.watch(job, after_sequence, timeout), on_retry)

    def wait(
        self,
        job: str | v1.Job,
        *,
        timeout: float | None = None,
        on_progress: Callable[[Progress], object] | None = None,
        on_event: Callable[[Event], object] | None = None,
        on_retry: OnRetry | None = None,
    ) -> Result:
        """What the job makes, once it has ended: `watch` with the callbacks of `generate`."""
        return _result(self.watch(job, timeout=timeout, on_retry=on_retry), on_progress, on_event)

    def create_job(
        self,
        spec: v1.GenerationSpec | None = None,
        *,
        options: v1.JobOptions | JobOptionsFields | None = None,
        request_id: str = "",
        timeout: float | None = None,
        on_retry: OnRetry | None = None,
        **fields: Unpack[GenerationSpecFields],
    ) -> v1.Job:
        """Makes a job that goes on without its caller. Arguments as for `generate`. After a passed timeout it may
        exist."""
        operation = self._operations.create_job(spec, fields, options, request_id, timeout)
        return self._driver.run(operation, on_retry)

    def get_job(self, job: str | v1.Job, *, timeout: float | None = None) -> v1.Job:
        """The job as it is now."""
        return self._driver.run(self._operations.get_job(job, timeout))

    def list_jobs(
        self,
        *,
        states: Iterable[str | int] = (),
        labels: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> list[v1.Job]:
        """All jobs, newest first: of these states ("RUNNING", …; none: any), with all of these labels."""
        return self._driver.run(self._operations.list_jobs(states, labels or {}, timeout))

    def cancel_job(self, job: str | v1.Job, *, timeout: float | None = None) -> v1.Job:
        """Frees the job's rows before the next step; a job that has ended stays as it is."""
        return self._driver.run(self._operations.cancel_job(job, timeout))

    def delete_job(self, job: str | v1.Job, *, timeout: float | None = None) -> None:
        """Has the server forget a job that has ended, with its outputs."""
        self._driver.run(self._operations.delete_job(job, timeout))

    def get_output(self, job: str | v1.Job, index: int, *, timeout: float | None = None) -> OutputFile:
        """A finished output as the file it is."""
        return self._driver.run(self._operations.get_output(job, index, timeout))

    def put_blob(self, data: bytes, *, timeout: float | None = None, on_retry: OnRetry | None = None) -> str:
        """Sends a large input in parts of 1 MiB, unless the server has it: only what it lacks, also after a lost
        connection. Returns its SHA-256, by which pictures refer to it ({"blob_sha256": …}) for as long as the server
        keeps it. `generate` does it by itself. ValueError: no bytes."""
        return self._driver.run(self._operations.put_blob(data, timeout), on_retry)

    def list_models(self, *, timeout: float | None = None) -> list[v1.Model]:
        """All models that the server has, and what they take."""
        return self._driver.run(self._operations.list_models(timeout))

    def get_model(self, model: str, *, timeout: float | None = None) -> v1.Model:
        """One model, and what it takes."""
        return self._driver.run(self._operations.get_model(model, timeout))

    def load_model(self, model: str, *, timeout: float | None = None) -> v1.Model:
        """Waits until the model is on the device, however long that takes."""
        return self._driver.run(self._operations.load_model(model, timeout))

    def unload_model(self, model: str, *, timeout: float | None = None) -> v1.Model:
        """Takes the model off the device; FailedPrecondition while jobs use it."""
        return self._driver.run(self._operations.unload_model(model, timeout))

    def list_adapters(self, *, timeout: float | None = None) -> list[v1.Adapter]:
        """All LoRAs, ControlNets, motion modules, IP-Adapters and embeddings."""
        return self._driver.run(self._operations.list_adapters(timeout))

    def health(self, *, timeout: float | None = None) -> bool:
        """Whether the server is ready for work. Tried once."""
        return self._driver.run(self._operations.health(timeout))

    def stats(self, *, timeout: float | None = None) -> v1.Stats:
        """The service at work: jobs, pictures a second, device, version."""
        return self._driver.run(self._operations.stats(timeout))


def _result(
    events: Generator[Event, None, None],
    on_progress: Callable[[Progress], object] | None,
    on_event: Callable[[Event], object] | None,
) -> Result:
    with closing(events):
        for event in events:
            if on_event is not None:
                on_event(event)
            if on_progress is not None and isinstance(event, Progress):
                on_progress(event)
            if isinstance(event, Completed):
                result = event.result
    return result
