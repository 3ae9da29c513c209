"""The methods of the API, as they are called on the wire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import methodcaller
from typing import Any, Generic, TypeVar

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import Int32Value

from latentd.v1.blobs_pb2 import Blob
from latentd.v1.event_pb2 import Event
from latentd.v1.image_generation_pb2 import ListJobsResponse, Stats
from latentd.v1.job_pb2 import Job
from latentd.v1.models_pb2 import ListAdaptersResponse, ListModelsResponse, Model

Answer = TypeVar("Answer", bound=Message)


@dataclass(frozen=True)
class Method(Generic[Answer]):
    path: str
    answer: type[Answer]

    def on(self, kind: Callable[..., Any]) -> Any:
        """What makes the call; `kind` is a channel's `unary_unary` or `unary_stream`."""
        return kind(self.path, methodcaller("SerializeToString"), self.answer.FromString)


CREATE_JOB = Method("/latentd.v1.ImageGeneration/CreateJob", Job)
GET_JOB = Method("/latentd.v1.ImageGeneration/GetJob", Job)
LIST_JOBS = Method("/latentd.v1.ImageGeneration/ListJobs", ListJobsResponse)
CANCEL_JOB = Method("/latentd.v1.ImageGeneration/CancelJob", Job)
DELETE_JOB = Method("/latentd.v1.ImageGeneration/DeleteJob", Empty)
WATCH_JOB = Method("/latentd.v1.ImageGeneration/WatchJob", Event)
GET_OUTPUT = Method("/latentd.v1.ImageGeneration/GetOutput", HttpBody)
GET_STATS = Method("/latentd.v1.ImageGeneration/GetStats", Stats)
PUT_CHUNK = Method("/latentd.v1.Blobs/PutChunk", Blob)
LIST_MODELS = Method("/latentd.v1.Models/ListModels", ListModelsResponse)
GET_MODEL = Method("/latentd.v1.Models/GetModel", Model)
LOAD_MODEL = Method("/latentd.v1.Models/LoadModel", Model)
UNLOAD_MODEL = Method("/latentd.v1.Models/UnloadModel", Model)
LIST_ADAPTERS = Method("/latentd.v1.Models/ListAdapters", ListAdaptersResponse)
# Its messages each hold one field of number 1, a string and an enum: on the wire they are the well-known wrappers,
# which saves a dependency.
HEALTH_CHECK = Method("/grpc.health.v1.Health/Check", Int32Value)
