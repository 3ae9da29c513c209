"""The nodes that say what is to be made; `generate_node` has the one that has it made.

Written for ComfyUI's V3 node API, by its numbered version.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from comfy_api.v0_0_2 import io

from . import pictures
from .choices import CHOICES
from .connection import environment_server
from .request import Animation, Control, ImagePrompt, InitImage, Lora, Model, Prompt, Server

CATEGORY = "latentd"

ServerType = io.Custom("LATENTD_SERVER")
ModelType = io.Custom("LATENTD_MODEL")
PromptType = io.Custom("LATENTD_PROMPT")
InitImageType = io.Custom("LATENTD_INIT_IMAGE")
AnimationType = io.Custom("LATENTD_ANIMATION")

#: Inputs that are folded away until wanted.
ADVANCED = {"advanced": True}


def server_choice(name: str, kind: str, first: tuple[str, ...] = ()) -> io.Combo.Input:
    """A choice among what the servers have. Nodes with one name it in `validate_inputs`, for ComfyUI would refuse
    a name that it does not know, and it may not have heard of any yet."""
    return io.Combo.Input(
        name,
        options=[*first, *CHOICES.names(kind)],
        tooltip="What the server has that LATENTD_SERVER names, and those of latentd Server nodes; R asks them again",
    )


def chosen(value: str | None) -> bool | str:
    return bool(value) or "nothing is chosen; start the server, and press R for its choices"


class LatentdServer(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LatentdServer",
            display_name="latentd Server",
            category=CATEGORY,
            description="Where the pictures are made, if not where the environment says (LATENTD_SERVER). An API key "
            "is never part of a graph: LATENTD_API_KEY holds that of LATENTD_SERVER.",
            inputs=[
                io.String.Input("address", default="127.0.0.1:50051", tooltip="host:port"),
                io.Boolean.Input("tls", default=False),
                io.String.Input(
                    "ca_file", default="", tooltip="PEM; empty: whom this machine trusts", extra_dict=ADVANCED
                ),
                io.String.Input("cert_file", default="", tooltip="PEM, for mutual TLS", extra_dict=ADVANCED),
                io.String.Input("key_file", default="", tooltip="PEM, for mutual TLS", extra_dict=ADVANCED),
            ],
            outputs=[ServerType.Output("server")],
        )

    @classmethod
    def validate_inputs(
        cls, address: str | None, tls: bool | None, ca_file: str | None, cert_file: str | None, key_file: str | None
    ) -> bool:
        """Learns of the server before anything runs, for a graph may not be valid until something of it is chosen."""
        if address and tls is not None and ca_file is not None and cert_file is not None and key_file is not None:
            CHOICES.learn(Server(address.strip(), tls, ca_file, cert_file, key_file))
        return True  # What another node gives is None here.

    @classmethod
    def execute(cls, address: str, tls: bool, ca_file: str, cert_file: str, key_file: str) -> io.NodeOutput:
        return io.NodeOutput(Server(address.strip(), tls, ca_file, cert_file, key_file))


class LatentdModel(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LatentdModel",
            display_name="latentd Model",
            category=CATEGORY,
            inputs=[
                ServerType.Input("server", optional=True, tooltip="Without one: that of LATENTD_SERVER"),
                server_choice("model", "models"),
            ],
            outputs=[ModelType.Output("model")],
        )

    @classmethod
    def validate_inputs(cls, model: str | None) -> bool | str:
        return chosen(model)

    @classmethod
    def execute(cls, model: str, server: Server | None = None) -> io.NodeOutput:
        return io.NodeOutput(Model(server or environment_server(), model))


class LatentdLora(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LatentdLora",
            display_name="latentd LoRA",
            category=CATEGORY,
            description="Several one after another add up.",
            inputs=[
                ModelType.Input("model"),
                server_choice("lora", "loras"),
                io.Float.Input("strength", default=1.0, min=-10, max=10, step=0.05),
            ],
            outputs=[ModelType.Output("changed_model", display_name="model")],
        )

    @classmethod
    def validate_inputs(cls, lora: str | None) -> bool | str:
        return chosen(lora)

    @classmethod
    def execute(cls, model: Model, lora: str, strength: float) -> io.NodeOutput:
        return io.NodeOutput(replace(model, loras=(*model.loras, Lora(lora, strength))))


class LatentdPrompt(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LatentdPrompt",
            display_name="latentd Prompt",
            category=CATEGORY,
            description="Weights as in (word:1.3); a model without text takes none.",
            inputs=[
                io.String.Input("positive", multiline=True, default="", dynamic_prompts=True),
                io.String.Input("negative", multiline=True, default="", dynamic_prompts=True),
            ],
            outputs=[PromptType.Output("prompt")],
        )

    @classmethod
    def execute(cls, positive: str, negative: str) -> io.NodeOutput:
        return io.NodeOutput(Prompt(positive, negative))


class LatentdControlNet(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LatentdControlNet",
            display_name="latentd ControlNet",
            category=CATEGORY,
            description="Several one after another add up.",
            inputs=[
                PromptType.Input("prompt"),
                io.Image.Input("image"),
                server_choice("controlnet", "controlnets"),
                io.Float.Input("strength", default=1.0, min=-10, max=10, step=0.05),
                io.Float.Input("start", default=0.0, min=0, max=1, step=0.01, tooltip="Share of the steps"),
                io.Float.Input("end", default=1.0, min=0, max=1, step=0.01, tooltip="Share of the steps"),
            ],
            outputs=[PromptType.Output("steered_prompt", display_name="prompt")],
        )

    @classmethod
    def validate_inputs(cls, controlnet: str | None) -> bool | str:
        return chosen(controlnet)

    @classmethod
    def execute(
        cls, prompt: Prompt, image: Any, controlnet: str, strength: float, start: float, end: float
    ) -> io.NodeOutput:
        control = Control(controlnet, pictures.to_picture(image, "latentd ControlNet"), strength, start, end)
        return io.NodeOutput(replace(prompt, controls=(*prompt.controls, control)))


class LatentdImagePrompt(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LatentdImagePrompt",
            display_name="latentd Image Prompt",
            category=CATEGORY,
            description="A picture that steers as words do (IP-Adapter). Several one after another add up.",
            inputs=[
                PromptType.Input("prompt"),
                io.Image.Input("image"),
                server_choice("adapter", "image_prompts"),
                io.Float.Input("strength", default=1.0, min=-10, max=10, step=0.05),
            ],
            outputs=[PromptType.Output("steered_prompt", display_name="prompt")],
        )

    @classmethod
    def validate_inputs(cls, adapter: str | None) -> bool | str:
        return chosen(adapter)

    @classmethod
    def execute(cls, prompt: Prompt, image: Any, adapter: str, strength: float) -> io.NodeOutput:
        picture = pictures.to_picture(image, "latentd Image Prompt")
        return io.NodeOutput(
            replace(prompt, image_prompts=(*prompt.image_prompts, ImagePrompt(adapter, picture, strength)))
        )


class LatentdInitImage(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LatentdInitImage",
            display_name="latentd Init Image",
            category=CATEGORY,
            description="Begins with a picture; with a mask, only what it marks is redrawn.",
            inputs=[
                io.Image.Input("image"),
                io.Mask.Input("mask", optional=True),
                io.Float.Input(
                    "strength", default=0.8, min=0, max=1, step=0.01, tooltip="How much is redone: 0 keeps the picture"
                ),
            ],
            outputs=[InitImageType.Output("init_image")],
        )

    @classmethod
    def execute(cls, image: Any, strength: float, mask: Any = None) -> io.NodeOutput:
        picture = pictures.to_picture(image, "latentd Init Image")
        marked = None if mask is None else pictures.to_mask(mask, "latentd Init Image")
        return io.NodeOutput(InitImage(picture, marked, strength))


class LatentdAnimation(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LatentdAnimation",
            display_name="latentd Animation",
            category=CATEGORY,
            description="Makes clips instead of pictures (AnimateDiff): their frames are the batch.",
            inputs=[
                server_choice("motion", "motions"),
                io.Int.Input("frames", default=16, min=1, max=128),
            ],
            outputs=[AnimationType.Output("animation")],
        )

    @classmethod
    def validate_inputs(cls, motion: str | None) -> bool | str:
        return chosen(motion)

    @classmethod
    def execute(cls, motion: str, frames: int) -> io.NodeOutput:
        return io.NodeOutput(Animation(motion, frames))


NODES = [
    LatentdServer,
    LatentdModel,
    LatentdLora,
    LatentdPrompt,
    LatentdControlNet,
    LatentdImagePrompt,
    LatentdInitImage,
    LatentdAnimation,
]
