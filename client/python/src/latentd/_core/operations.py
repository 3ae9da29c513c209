"""What a client can be asked for: each method makes the operation of one public method of both clients."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.wrappers_pb2 import StringValue

from latentd import v1
from latentd._core import actions, blobs, jobs, methods
from latentd._core.actions import Operation
from latentd._core.caller import Caller
from latentd._core.fields import fill
from latentd._core.methods import Method
from latentd.events import Completed
from latentd.options import ClientOptions
from latentd.results import OutputFile
from latentd.v1 import image_generation_pb2 as images_pb2
from latentd.v1 import models_pb2

_PAGE_SIZE = 1000


class Operations:
    """Thread-safe, as long as each operation is carried out by one thread."""

    def __init__(self, options: ClientOptions) -> None:
        self._caller = Caller(options)

    def generate(
        self,
        spec: v1.GenerationSpec | None,
        fields: Mapping[str, Any],
        options: v1.JobOptions | Mapping[str, Any] | None,
        request_id: str,
        timeout: float | None,
    ) -> Operation[Completed]:
        request = _create_request(spec, fields, options, request_id)
        return jobs.generate(self._caller, request, self._caller.deadline(timeout))

    def watch(self, job: str | v1.Job, after_sequence: int, timeout: float | None) -> Operation[Completed]:
        return jobs.watch(self._caller, _job_name(job), after_sequence, self._caller.deadline(timeout))

    def create_job(
        self,
        spec: v1.GenerationSpec | None,
        fields: Mapping[str, Any],
        options: v1.JobOptions | Mapping[str, Any] | None,
        request_id: str,
        timeout: float | None,
    ) -> Operation[v1.Job]:
        request = _create_request(spec, fields, options, request_id)
        return jobs.create_job(self._caller, request, self._caller.deadline(timeout))

    def get_job(self, job: str | v1.Job, timeout: float | None) -> Operation[v1.Job]:
        request = images_pb2.GetJobRequest(name=_job_name(job))
        return self._caller.call(methods.GET_JOB, request, self._caller.deadline(timeout))

    def list_jobs(
        self, states: Iterable[str | int], labels: Mapping[str, str], timeout: float | None
    ) -> Operation[list[v1.Job]]:
        request = images_pb2.ListJobsRequest(page_size=_PAGE_SIZE)
        fill(request, {"states": states, "labels": [f"{key}={value}" for key, value in labels.items()]})
        return self._all_pages(methods.LIST_JOBS, request, "jobs", timeout)

    def cancel_job(self, job: str | v1.Job, timeout: float | None) -> Operation[v1.Job]:
        request = images_pb2.CancelJobRequest(name=_job_name(job))
        return self._caller.call(methods.CANCEL_JOB, request, self._caller.deadline(timeout))

    def delete_job(self, job: str | v1.Job, timeout: float | None) -> Operation[None]:
        request = images_pb2.DeleteJobRequest(name=_job_name(job))
        yield from self._caller.call(methods.DELETE_JOB, request, self._caller.deadline(timeout))

    def get_output(self, job: str | v1.Job, index: int, timeout: float | None) -> Operation[OutputFile]:
        request = images_pb2.GetOutputRequest(job=_job_name(job), index=index)
        body = yield from self._caller.call(methods.GET_OUTPUT, request, self._caller.deadline(timeout))
        return OutputFile(body.content_type, body.data)

    def put_blob(self, data: bytes, timeout: float | None) -> Operation[str]:
        return blobs.put_blob(self._caller, data, self._caller.deadline(timeout))

    def list_models(self, timeout: float | None) -> Operation[list[v1.Model]]:
        request = models_pb2.ListModelsRequest(page_size=_PAGE_SIZE)
        return self._all_pages(methods.LIST_MODELS, request, "models", timeout)

    def list_adapters(self, timeout: float | None) -> Operation[list[v1.Adapter]]:
        request = models_pb2.ListAdaptersRequest(page_size=_PAGE_SIZE)
        return self._all_pages(methods.LIST_ADAPTERS, request, "adapters", timeout)

    def get_model(self, model: str, timeout: float | None) -> Operation[v1.Model]:
        request = models_pb2.GetModelRequest(name=_model_name(model))
        return self._caller.call(methods.GET_MODEL, request, self._caller.deadline(timeout))

    def load_model(self, model: str, timeout: float | None) -> Operation[v1.Model]:
        request = models_pb2.LoadModelRequest(name=_model_name(model))
        # Loading takes as long as it takes.
        return self._caller.call_at_length(methods.LOAD_MODEL, request, self._caller.deadline(timeout), math.inf)

    def unload_model(self, model: str, timeout: float | None) -> Operation[v1.Model]:
        request = models_pb2.UnloadModelRequest(name=_model_name(model))
        return self._caller.call(methods.UNLOAD_MODEL, request, self._caller.deadline(timeout))

    def health(self, timeout: float | None) -> Operation[bool]:
        limit = self._caller.options.call_timeout if timeout is None else timeout
        status = yield from actions.call(methods.HEALTH_CHECK, StringValue(), limit)  # tried once
        serving = 1
        return bool(status.value == serving)

    def stats(self, timeout: float | None) -> Operation[v1.Stats]:
        return self._caller.call(methods.GET_STATS, images_pb2.GetStatsRequest(), self._caller.deadline(timeout))

    def _all_pages(self, method: Method[Any], request: Any, items: str, timeout: float | None) -> Operation[list[Any]]:
        deadline = self._caller.deadline(timeout)
        found: list[Any] = []
        while True:
            page = yield from self._caller.call(method, request, deadline)
            found += getattr(page, items)
            request.page_token = page.next_page_token
            if not request.page_token:
                return found


def _create_request(
    spec: v1.GenerationSpec | None,
    fields: Mapping[str, Any],
    options: v1.JobOptions | Mapping[str, Any] | None,
    request_id: str,
) -> images_pb2.CreateJobRequest:
    """`fields` win over `spec`."""
    request = images_pb2.CreateJobRequest(spec=spec, request_id=request_id)
    fill(request.spec, fields)
    fill(request, {"options": options})
    return request


def _job_name(job: str | v1.Job) -> str:
    name = job.name if isinstance(job, v1.Job) else job
    return name if "/" in name else f"jobs/{name}"


def _model_name(model: str) -> str:
    return model if "/" in model else f"models/{model}"
