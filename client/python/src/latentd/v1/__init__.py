"""The messages of the API, as proto/latentd/v1 documents them. Generated when the package is built."""

from latentd.v1.blobs_pb2 import Blob
from latentd.v1.event_pb2 import EncodedImage, LatentTensor, Preview
from latentd.v1.image_generation_pb2 import Stats
from latentd.v1.job_pb2 import Job, Output, Usage, Warning
from latentd.v1.models_pb2 import Adapter, Model, SamplerInfo
from latentd.v1.spec_pb2 import (
    Animation,
    Box,
    BoxesToImage,
    ClassToImage,
    ClipFormat,
    Control,
    GenerationSpec,
    ImageFormat,
    ImagePrompt,
    ImageToImage,
    Inpaint,
    InputImage,
    JobOptions,
    Lora,
    Outpaint,
    OutputOptions,
    PreviewOptions,
    SizeConditioning,
    SuperResolution,
    Unconditional,
)

__all__ = [
    "Adapter",
    "Animation",
    "Blob",
    "Box",
    "BoxesToImage",
    "ClassToImage",
    "ClipFormat",
    "Control",
    "EncodedImage",
    "GenerationSpec",
    "ImageFormat",
    "ImagePrompt",
    "ImageToImage",
    "Inpaint",
    "InputImage",
    "Job",
    "JobOptions",
    "LatentTensor",
    "Lora",
    "Model",
    "Outpaint",
    "Output",
    "OutputOptions",
    "Preview",
    "PreviewOptions",
    "SamplerInfo",
    "SizeConditioning",
    "Stats",
    "SuperResolution",
    "Unconditional",
    "Usage",
    "Warning",
]
