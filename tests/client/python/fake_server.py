"""A latentd that says what a test has written down, over real gRPC."""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict, deque
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import message_factory
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import Int32Value, StringValue
from google.rpc import error_details_pb2, status_pb2
from latentd import v1
from latentd.v1 import blobs_pb2, event_pb2, image_generation_pb2, models_pb2

JOB = "jobs/11111111-1111-4111-8111-111111111111"


@dataclass
class Failure:
    """Ends a call with an error."""

    code: grpc.StatusCode
    message: str = "no"
    reason: str = ""
    retry_delay: float | None = None
    details: list[Message] = field(default_factory=list)
    trailers: list[tuple[str, str]] = field(default_factory=list)

    def end(self, context: grpc.ServicerContext) -> None:
        status = status_pb2.Status(code=self.code.value[0], message=self.message)
        details = list(self.details)
        if self.reason:
            details.append(error_details_pb2.ErrorInfo(reason=self.reason, domain="latentd"))
        if self.retry_delay is not None:
            details.append(error_details_pb2.RetryInfo())
            details[-1].retry_delay.FromMilliseconds(int(self.retry_delay * 1000))
        for detail in details:
            status.details.add().Pack(detail)
        trailers = [("grpc-status-details-bin", status.SerializeToString())] if details else []
        context.set_trailing_metadata((*trailers, *self.trailers))
        context.abort(self.code, self.message)


LOST = Failure(grpc.StatusCode.UNAVAILABLE, "lost")


class FakeServer:
    """Answers each method with its next written answer, the last one for ever. An answer is a message or a Failure; of
    a stream a list of them, in which a function is called (to wait for something, say)."""

    def __init__(self) -> None:
        self.requests: dict[str, list[Any]] = defaultdict(list)
        self.metadata: list[dict[str, str]] = []
        self.closing = threading.Event()
        self._answers: dict[str, deque[Any]] = {}
        self._lock = threading.Lock()
        # Messages as large as latentd takes them.
        options = [("grpc.max_receive_message_length", 8 << 20)]
        self._server = grpc.server(futures.ThreadPoolExecutor(8), options=options)
        for file in (blobs_pb2, image_generation_pb2, models_pb2):
            for service in file.DESCRIPTOR.services_by_name.values():
                handlers = {m.name: self._handler(m) for m in service.methods}
                self._server.add_generic_rpc_handlers(
                    (grpc.method_handlers_generic_handler(service.full_name, handlers),)
                )
        check = grpc.unary_unary_rpc_method_handler(
            lambda request, context: self._unary("Check", request, context),
            StringValue.FromString,
            Int32Value.SerializeToString,
        )
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": check}),)
        )
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()
        self.answer("CreateJob", v1.Job(name=JOB))
        self.answer("CancelJob", v1.Job(name=JOB))

    def answer(self, method: str, *answers: Any) -> None:
        self._answers[method] = deque(answers)

    def stop(self) -> None:
        self.closing.set()
        self._server.stop(0).wait()

    def wait_forever(self, context: grpc.ServicerContext) -> None:
        """Until the caller is gone, or the server stops."""
        gone = threading.Event()
        if context.add_callback(gone.set):
            while not gone.wait(0.01) and not self.closing.is_set():
                pass

    def _handler(self, method: Any) -> grpc.RpcMethodHandler:
        make = grpc.unary_stream_rpc_method_handler if method.server_streaming else grpc.unary_unary_rpc_method_handler
        act = self._stream if method.server_streaming else self._unary
        return make(
            lambda request, context: act(method.name, request, context),
            message_factory.GetMessageClass(method.input_type).FromString,
            message_factory.GetMessageClass(method.output_type).SerializeToString,
        )

    def _next(self, method: str, request: Any, context: grpc.ServicerContext) -> Any:
        with self._lock:
            self.requests[method].append(request)
            self.metadata.append(dict(context.invocation_metadata()))
            answers = self._answers[method]
            return answers.popleft() if len(answers) > 1 else answers[0]

    def _unary(self, method: str, request: Any, context: grpc.ServicerContext) -> Any:
        answer = self._next(method, request, context)
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Failure):
            answer.end(context)
        return answer

    def _stream(self, method: str, request: Any, context: grpc.ServicerContext) -> Any:
        for answer in self._next(method, request, context):
            if isinstance(answer, Failure):
                answer.end(context)
            elif callable(answer):
                answer(context)
            else:
                yield answer


def event(sequence: int, **kind: Any) -> event_pb2.Event:
    made = event_pb2.Event(job=JOB, sequence=sequence, **kind)
    made.time.FromSeconds(1_700_000_000 + sequence)
    return made


HEARTBEAT = event(0, heartbeat=event_pb2.Heartbeat())


def queued(sequence: int, position: int = 0) -> event_pb2.Event:
    return event(sequence, queued=event_pb2.Queued(position=position))


def started(sequence: int, seed: int = 7) -> event_pb2.Event:
    warning = v1.Warning(reason="PROMPT_TRUNCATED", field="prompt", message="cut")
    return event(sequence, started=event_pb2.Started(seed=seed, warnings=[warning]))


def progress(sequence: int, step: int, total_steps: int = 4) -> event_pb2.Event:
    return event(sequence, progress=event_pb2.Progress(step=step, total_steps=total_steps))


def output(sequence: int, data: bytes, index: int = 0, **more: Any) -> event_pb2.Event:
    info: dict[str, Any] = {
        "state": v1.Output.STATE_OK,
        "media_type": "image/png",
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    return event(sequence, output=v1.Output(index=index, **{**info, **more}))


def chunk(sequence: int, data: bytes, offset: int = 0, index: int = 0) -> event_pb2.Event:
    return event(sequence, output_chunk=event_pb2.OutputChunk(index=index, offset=offset, data=data))


def completed(sequence: int) -> event_pb2.Event:
    return event(sequence, completed=event_pb2.Completed(usage=v1.Usage(evaluations=8)))


def failed(sequence: int, code: grpc.StatusCode, message: str) -> event_pb2.Event:
    status = status_pb2.Status(code=code.value[0], message=message)
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason="MODEL_BROKEN", domain="latentd"))
    return event(sequence, failed=event_pb2.Failed(status=status))


def cancelled(sequence: int, reason: str = "CALLER") -> event_pb2.Event:
    return event(sequence, cancelled=event_pb2.Cancelled(reason=reason))
