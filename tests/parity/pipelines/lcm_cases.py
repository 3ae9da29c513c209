"""Cases of few steps: models distilled for consistency, whose U-Net embeds the guidance scale, and the samplers lcm and tcd on ordinary
models."""

import functools
import os

import torch
from diffusers import (AutoencoderTiny, DDIMScheduler, EulerDiscreteScheduler, LatentConsistencyModelImg2ImgPipeline,
                       LatentConsistencyModelPipeline, LCMScheduler, StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline,
                       StableDiffusionPipeline, TCDScheduler)
from PIL import Image

import picture_cases
import tiny_lcm

NAME = "lcm"
CONSISTENCY = "tiny-lcm"
SAMPLERS = {"lcm": LCMScheduler, "tcd": TCDScheduler, "ddim": DDIMScheduler, "euler": EulerDiscreteScheduler}
PREVIEWED = dict(prompt="a red apple", width=72, height=56, steps=4, seed=77, guidance_scale=8.5)
PREVIEWS = [f"previews/lcm-{step}.png" for step in range(1, PREVIEWED["steps"] + 1)]


def cases():
    number = 0

    def case(name, **changes):
        nonlocal number
        number += 1
        return dict(prompt="the green house in the morning" if number % 2 else "a red apple", num_images=1, name=name, seed=700 + number,
                    width=72, height=56, sampler="lcm") | changes

    # LatentConsistencyModelPipeline.
    yield case("lcm-one-step", model=CONSISTENCY, steps=1, guidance_scale=8.5)
    yield case("lcm-two-steps", model=CONSISTENCY, steps=2, guidance_scale=4.0, width=40, height=88, num_images=3)
    yield case("lcm-four-steps", model=CONSISTENCY, steps=4, guidance_scale=1.0, width=104, height=64)
    yield case("lcm-eight-steps", model=CONSISTENCY, steps=8, guidance_scale=8.5, width=40, height=88)
    yield case("lcm-unguided", model=CONSISTENCY, steps=3, guidance_scale=0.0)
    defaults = case("lcm-defaults", model=CONSISTENCY, width=104, height=64, num_images=2)
    del defaults["sampler"]
    yield defaults
    redraw = dict(task="image_to_image", model=CONSISTENCY, image="wide")
    yield case("lcm-img2img-0.3", **redraw, steps=4, guidance_scale=8.5, strength=0.3)
    yield case("lcm-img2img-0.5", **redraw, steps=2, guidance_scale=4.0, strength=0.5, width=40, height=88, num_images=2)
    yield case("lcm-img2img-0.8", **redraw, steps=8, guidance_scale=1.0, strength=0.8, width=104, height=64)
    yield case("lcm-img2img-1.0", **redraw, steps=4, guidance_scale=8.5, strength=1.0)
    held = dict(task="inpaint", image="wide")
    yield case("lcm-inpaint", model=CONSISTENCY, **held, steps=4, guidance_scale=8.5, strength=1.0)
    yield case("lcm-inpaint-late", model=CONSISTENCY, **held, steps=6, guidance_scale=4.0, strength=0.7, width=40, height=88)
    # A StableDiffusionPipeline that holds such a U-Net, with an AutoencoderTiny.
    other = "tiny-lcm-sd"
    yield case("lcm-sd", model=other, steps=4, guidance_scale=8.5, num_images=2)
    yield case("lcm-sd-ddim", model=other, steps=6, sampler="ddim", guidance_scale=3.0, width=40, height=88)
    yield case("lcm-sd-euler", model=other, steps=5, sampler="euler", guidance_scale=6.0, width=104, height=64)
    yield case("lcm-sd-tcd", model=other, steps=4, sampler="tcd", eta=0.3, guidance_scale=2.0)
    yield case("lcm-sd-img2img", model=other, task="image_to_image", image="tall", steps=8, guidance_scale=8.5, strength=0.6)
    yield case("lcm-sd-inpaint", model=other, **held, steps=5, guidance_scale=5.0, strength=0.8, width=104, height=64)
    # Ordinary models: guided by two lanes.
    two_sided = dict(negative_prompt="green", guidance_scale=5.0)
    yield case("lcm-ordinary-4", model="tiny-epsilon", **two_sided, steps=4, num_images=2)
    yield case("lcm-ordinary-8", model="tiny-v", **two_sided, steps=8, width=40, height=88)
    yield case("lcm-ordinary-img2img", model="tiny-v", task="image_to_image", image="wide", **two_sided, steps=8, strength=0.6)
    yield case("tcd-ordinary-4", model="tiny-epsilon", **two_sided, sampler="tcd", eta=0.3, steps=4, width=40, height=88)
    yield case("tcd-ordinary-8", model="tiny-v", **two_sided, sampler="tcd", eta=0.3, steps=8, num_images=2)
    yield case("tcd-ordinary-deterministic", model="tiny-epsilon", **two_sided, sampler="tcd", eta=0.0, steps=4, width=104, height=64)
    yield case("tcd-ordinary-img2img", model="tiny-v", task="image_to_image", image="tall", **two_sided, sampler="tcd", eta=0.3, steps=6,
               strength=0.7)


KINDS = {"image_to_image": (LatentConsistencyModelImg2ImgPipeline, StableDiffusionImg2ImgPipeline),
         "inpaint": (StableDiffusionInpaintPipeline, StableDiffusionInpaintPipeline),
         None: (LatentConsistencyModelPipeline, StableDiffusionPipeline)}


@functools.cache
def open_model(folder, model):
    own = LatentConsistencyModelPipeline if model == CONSISTENCY else StableDiffusionPipeline
    return own.from_pretrained(f"{folder}/models/{model}", torch_dtype=torch.float32)


def open_pipeline(folder, case):
    """diffusers' pipeline of a case's task over its model, with the case's scheduler."""
    source = open_model(folder, case["model"])
    kind = KINDS[case.get("task")][0 if case["model"] == CONSISTENCY else 1]
    pipeline = kind(**source.components, requires_safety_checker=False)
    pipeline.scheduler = SAMPLERS[case.get("sampler", "lcm")].from_config(source.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def pictures(folder, case):
    pipeline = open_pipeline(folder, case)
    names = {"steps": "num_inference_steps", "guidance_scale": "guidance_scale", "negative_prompt": "negative_prompt", "eta": "eta",
             "strength": "strength"}
    arguments = {name: case[field] for field, name in names.items() if field in case}
    size = dict(width=case["width"], height=case["height"])
    result = []
    for i in range(case["num_images"]):
        generator = torch.Generator("cpu").manual_seed(case["seed"] + i)
        inputs = dict(size)
        if "task" in case:
            picture = Image.open(f"{folder}/inputs/{case['image']}.png")
            if case["task"] == "inpaint":
                inputs |= dict(image=picture, mask_image=Image.open(f"{folder}/inputs/{case['image']}-mask.png"))
            else:
                inputs = dict(image=pipeline.image_processor.preprocess(picture, **size))
        image = pipeline(case["prompt"], generator=generator, output_type="np", **inputs, **arguments).images[0]
        result.append((image * 255).round().astype("uint8"))
    return result


def write_previews(folder):
    """What the AutoencoderTiny beside a model makes of the clean latent that each step predicts: PREVIEWS."""
    case = dict(PREVIEWED, model=CONSISTENCY)
    pipeline = open_pipeline(folder, case)
    decoder = AutoencoderTiny.from_pretrained(f"{folder}/models/{CONSISTENCY}/taesd", torch_dtype=torch.float32)
    os.makedirs(f"{folder}/previews", exist_ok=True)

    def preview(_, step, timestep, tensors):
        with torch.no_grad():
            picture = decoder.decode(tensors["denoised"] / decoder.config.scaling_factor).sample
        image = pipeline.image_processor.postprocess(picture, output_type="np")[0]
        print(f"{'preview ' + str(step + 1):32} std {(image * 255).std():5.1f}")
        Image.fromarray((image * 255).round().astype("uint8")).save(f"{folder}/{PREVIEWS[step]}", optimize=True)
        return {}

    pipeline(case["prompt"], width=case["width"], height=case["height"], num_inference_steps=case["steps"],
             guidance_scale=case["guidance_scale"], generator=torch.Generator("cpu").manual_seed(case["seed"]), output_type="latent",
             callback_on_step_end=preview, callback_on_step_end_tensor_inputs=["denoised"])


def make(goldens):
    """Needs the models of text_cases and the inputs of picture_cases."""
    folder = goldens.folder
    tiny_lcm.build(f"{folder}/models", "tiny-epsilon")
    for case in cases():
        spec = picture_cases.task(case) if "task" in case else {}
        embeds = case["model"] not in ("tiny-epsilon", "tiny-v")
        # Another guidance scale must show where it is embedded, another prompt elsewhere.
        other = dict(case, guidance_scale=case.get("guidance_scale", 8.5) + 3.0) if embeds else dict(case, prompt="the")
        goldens.write(dict(case, spec=spec), pictures(folder, case), pictures(folder, other))
    write_previews(folder)
