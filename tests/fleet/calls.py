"""The calls of ImageGeneration that a run makes, on messages; each on a connection of its own, which no fault outlives."""

import grpc

import api

_STATES = api.POOL.FindEnumTypeByName("latentd.v1.Job.State")
_LABEL = "request"  # whose job it is, also where the request has no id that the service knows
_OPTIONS = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]


class CallFailed(Exception):
    def __init__(self, error):
        super().__init__(f"{error.code().name}: {error.details()}")
        self.code = error.code().name


def state_of(job):
    """Such as STATE_COMPLETED."""
    return _STATES.values_by_number[job.state].name


def _message(name, fields):
    return api.from_dict(f"latentd.v1.{name}", fields)


def _unary(address, method, request, response, timeout):
    with grpc.insecure_channel(address, _OPTIONS) as channel:
        try:
            return response.FromString(channel.unary_unary(f"/latentd.v1.ImageGeneration/{method}")(
                request.SerializeToString(), timeout=timeout))
        except grpc.RpcError as error:
            raise CallFailed(error) from error


def label_of(job):
    """The one that it was created with, or ""."""
    return dict(job.options.labels).get(_LABEL, "")


def _options(label):
    return {"labels": {_LABEL: label}} if label else {}


def create_job(address, spec, request_id, timeout, label=""):
    request = _message("CreateJobRequest", {"spec": spec, "requestId": request_id, "options": _options(label)})
    return _unary(address, "CreateJob", request, api.message_class("latentd.v1.Job"), timeout)


def get_job(address, job, timeout):
    return _unary(address, "GetJob", _message("GetJobRequest", {"name": job}), api.message_class("latentd.v1.Job"), timeout)


def cancel_job(address, job, timeout):
    return _unary(address, "CancelJob", _message("CancelJobRequest", {"name": job}), api.message_class("latentd.v1.Job"), timeout)


def list_jobs(address, timeout):
    request = _message("ListJobsRequest", {"pageSize": 1000})
    return _unary(address, "ListJobs", request, api.message_class("latentd.v1.ListJobsResponse"), timeout).jobs


def get_output(address, job, index, timeout):
    request = _message("GetOutputRequest", {"job": job, "index": index})
    return _unary(address, "GetOutput", request, api.message_class("google.api.HttpBody"), timeout).data


def get_stats(address, timeout):
    return _unary(address, "GetStats", _message("GetStatsRequest", {}), api.message_class("latentd.v1.Stats"), timeout)


def _stream(address, method, request, timeout):
    """Heartbeats are left out."""
    event = api.message_class("latentd.v1.Event")
    with grpc.insecure_channel(address, _OPTIONS) as channel:
        call = channel.unary_stream(f"/latentd.v1.ImageGeneration/{method}", response_deserializer=event.FromString)
        try:
            yield from (each for each in call(request.SerializeToString(), timeout=timeout) if each.WhichOneof("kind") != "heartbeat")
        except grpc.RpcError as error:
            raise CallFailed(error) from error


def watch_job(address, job, after, timeout):
    """Events as they come."""
    return _stream(address, "WatchJob", _message("WatchJobRequest", {"name": job, "afterSequence": str(after)}), timeout)


def generate(address, spec, timeout, label=""):
    return _stream(address, "Generate", _message("GenerateRequest", {"spec": spec, "options": _options(label)}), timeout)
