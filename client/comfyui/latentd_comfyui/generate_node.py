"""The node that has the pictures made."""

from __future__ import annotations

import latentd
from comfy.model_management import throw_exception_if_processing_interrupted
from comfy.utils import ProgressBar
from comfy_api.v0_0_2 import io
from PIL import Image
from server import PromptServer

from . import pictures, session
from .connection import client_arguments
from .explain import GenerationError, explain
from .nodes import ADVANCED, CATEGORY, AnimationType, InitImageType, ModelType, PromptType, chosen, server_choice
from .request import MODELS_OWN, Animation, InitImage, Model, Prompt, Sampling, fields_of

# As ComfyUI's own samplers send them.
_PREVIEW_FORMAT = "JPEG"
_PREVIEW_EDGE = 512


class NodeDisplay:
    """Shows a job's course on a node, as ComfyUI's own samplers and API nodes do. An interrupt is told by an exception
    here, too."""

    def __init__(self, node_id: str) -> None:
        self._node_id = node_id
        self._bar = ProgressBar(1, node_id=node_id)

    def text(self, text: str) -> None:
        PromptServer.instance.send_progress_text(text, self._node_id)

    def progress(self, done: int, total: int, preview: Image.Image | None) -> None:
        shown = None if preview is None else (_PREVIEW_FORMAT, preview, _PREVIEW_EDGE)
        self._bar.update_absolute(done, total, shown)


class LatentdGenerate(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LatentdGenerate",
            display_name="latentd Generate",
            category=CATEGORY,
            description="Has a latentd make the pictures, and waits for them.",
            inputs=[
                ModelType.Input("model"),
                PromptType.Input("prompt"),
                InitImageType.Input("init_image", optional=True),
                AnimationType.Input("animation", optional=True),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=2**63 - 1,
                    control_after_generate=True,
                    tooltip="Picture i has this seed + i",
                ),
                io.Int.Input("count", default=1, min=1, max=64, tooltip="Pictures (or clips) of the batch"),
                io.Int.Input(
                    "width", default=0, min=0, max=16384, tooltip="Pixels; 0: the init image's, or the model's own"
                ),
                io.Int.Input(
                    "height", default=0, min=0, max=16384, tooltip="Pixels; 0: the init image's, or the model's own"
                ),
                io.Int.Input("steps", default=0, min=0, max=1000, tooltip="0: the model's own"),
                server_choice("sampler", "samplers", first=(MODELS_OWN,)),
                io.Combo.Input("sigmas", options=[MODELS_OWN, "default", "karras", "exponential", "beta"]),
                io.Float.Input(
                    "guidance", default=-1, min=-1, max=100, step=0.1, tooltip="Below 0: the model's own; to 1: none"
                ),
                io.Float.Input(
                    "guidance_rescale", default=0, min=0, max=1, step=0.01, optional=True, extra_dict=ADVANCED
                ),
                io.Float.Input(
                    "eta",
                    default=0,
                    min=0,
                    max=1,
                    step=0.01,
                    optional=True,
                    tooltip="For ddim and tcd",
                    extra_dict=ADVANCED,
                ),
                io.Int.Input(
                    "preview_every", default=1, min=0, max=1000, tooltip="Steps from preview to preview; 0: none"
                ),
            ],
            outputs=[
                io.Image.Output("images"),
                io.Int.Output("first_seed", display_name="seed"),
                io.String.Output("parameters", tooltip="As AUTOMATIC1111's web UI writes them"),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def validate_inputs(cls, sampler: str | None) -> bool | str:
        return chosen(sampler)

    @classmethod
    async def execute(
        cls,
        model: Model,
        prompt: Prompt,
        seed: int,
        count: int,
        width: int,
        height: int,
        steps: int,
        sampler: str,
        sigmas: str,
        guidance: float,
        preview_every: int,
        guidance_rescale: float = 0,
        eta: float = 0,
        init_image: InitImage | None = None,
        animation: Animation | None = None,
    ) -> io.NodeOutput:
        sampling = Sampling(
            seed=seed,
            count=count,
            width=width,
            height=height,
            steps=steps,
            sampler=sampler,
            sigmas=sigmas,
            guidance=guidance,
            guidance_rescale=guidance_rescale,
            eta=eta,
            preview_every=preview_every,
        )
        fields = fields_of(model, prompt, sampling, init_image, animation)
        display = NodeDisplay(cls.hidden.unique_id)
        try:
            async with latentd.AsyncClient(**client_arguments(model.server)) as client:
                result = await session.generate(client, fields, display, throw_exception_if_processing_interrupted)
        except latentd.Error as error:
            raise explain(error, model.server.address) from error
        made = [output for output in result.outputs if output.ok]
        if not made:
            raise GenerationError("\n".join(session.why_missing(output) for output in result.outputs))
        images = [output.image() for output in made]
        return io.NodeOutput(pictures.to_images(images), made[0].seed, images[0].info.get("parameters", ""))
