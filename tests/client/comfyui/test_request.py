"""The request that comes of a graph."""

from __future__ import annotations

from dataclasses import replace

import pytest
from latentd import v1
from latentd._core.fields import fill
from latentd_comfyui.request import (
    MODELS_OWN,
    Animation,
    Control,
    ImagePrompt,
    InitImage,
    Lora,
    Model,
    Prompt,
    Sampling,
    Server,
    fields_of,
)
from PIL import Image

MODEL = Model(Server("here:1"), "pictograms")
PROMPT = Prompt("an apple", "")
SAMPLING = Sampling(
    seed=7,
    count=1,
    width=0,
    height=0,
    steps=0,
    sampler=MODELS_OWN,
    sigmas=MODELS_OWN,
    guidance=-1,
    guidance_rescale=0,
    eta=0,
    preview_every=0,
)
PICTURE = Image.new("RGB", (2, 2), "red")


def spec_of(model=MODEL, prompt=PROMPT, sampling=SAMPLING, init=None, animation=None) -> v1.GenerationSpec:
    spec = v1.GenerationSpec()
    fill(spec, fields_of(model, prompt, sampling, init, animation))
    return spec


def test_what_is_not_said_is_the_models_own():
    png = v1.OutputOptions(format="IMAGE_FORMAT_PNG")
    assert spec_of() == v1.GenerationSpec(model="pictograms", prompt="an apple", seed=7, num_images=1, output=png)


def test_settings_go_along():
    sampling = Sampling(
        seed=2**63 - 1,
        count=3,
        width=96,
        height=64,
        steps=12,
        sampler="ddim",
        sigmas="karras",
        guidance=0,
        guidance_rescale=0.5,
        eta=0.25,
        preview_every=4,
    )
    spec = spec_of(prompt=Prompt("an apple", "a worm"), sampling=sampling)
    assert spec == v1.GenerationSpec(
        model="pictograms",
        prompt="an apple",
        negative_prompt="a worm",
        seed=2**63 - 1,
        num_images=3,
        width=96,
        height=64,
        steps=12,
        sampler="ddim",
        sigmas="karras",
        guidance_scale=0,
        guidance_rescale=0.5,
        eta=0.25,
        preview=v1.PreviewOptions(kind="KIND_IMAGE", every_steps=4),
        output=v1.OutputOptions(format="IMAGE_FORMAT_PNG"),
    )
    assert spec.HasField("guidance_scale")


def test_loras_keep_their_order():
    model = replace(MODEL, loras=(Lora("ink", 0.5), Lora("flat", -1)))
    assert [(each.name, each.scale) for each in spec_of(model=model).loras] == [("ink", 0.5), ("flat", -1)]


def test_a_picture_begins_it():
    spec = spec_of(init=InitImage(PICTURE, None, 0.6))
    assert spec.WhichOneof("task") == "image_to_image"
    assert spec.image_to_image.strength == 0.6
    assert spec.image_to_image.image.data.startswith(b"\x89PNG")


def test_a_mask_makes_it_inpainting():
    spec = spec_of(init=InitImage(PICTURE, Image.new("L", (2, 2)), 0))
    assert spec.WhichOneof("task") == "inpaint"
    assert spec.inpaint.HasField("strength")
    assert spec.inpaint.image.data != spec.inpaint.mask.data


def test_pictures_steer():
    prompt = replace(
        PROMPT,
        controls=(Control("canny", PICTURE, 0.8, 0, 0.5),),
        image_prompts=(ImagePrompt("face", PICTURE, 0.6), ImagePrompt("face", PICTURE, 0.7)),
    )
    spec = spec_of(prompt=prompt)
    (control,) = spec.controls
    assert (control.name, control.scale, control.start, control.end) == ("canny", 0.8, 0, 0.5)
    assert [(each.name, each.scale) for each in spec.image_prompts] == [("face", 0.6), ("face", 0.7)]


def test_a_clip_comes_as_frames():
    spec = spec_of(animation=Animation("walk", 8))
    assert (spec.animation.motion, spec.animation.frames) == ("walk", 8)
    assert spec.output == v1.OutputOptions(format="IMAGE_FORMAT_PNG")


@pytest.mark.parametrize("preview_every", [0, 3])
def test_previews_are_asked_for_only_when_wanted(preview_every):
    spec = spec_of(sampling=replace(SAMPLING, preview_every=preview_every))
    assert spec.HasField("preview") == (preview_every > 0)
