"""Cases of Stable Diffusion from text alone: every sampler, prediction type and sigma spacing."""

import torch
from diffusers import (DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler, EulerDiscreteScheduler,
                       HeunDiscreteScheduler, PNDMScheduler, StableDiffusionPipeline)

from tiny_models import build

NAME = "text"
MODELS = ["tiny-epsilon", "tiny-v", "tiny-sample"]
SAMPLERS = {
    "ddpm": DDPMScheduler, "ddim": DDIMScheduler, "pndm": PNDMScheduler, "euler": EulerDiscreteScheduler,
    "euler_a": EulerAncestralDiscreteScheduler, "heun": HeunDiscreteScheduler, "dpmpp_2m": DPMSolverMultistepScheduler,
}
# Sizes whose latents are not square, and which the U-Net's levels do not divide.
SIZES = {"tiny-epsilon": [(72, 56), (40, 88)], "tiny-v": [(56, 104), (64, 72)], "tiny-sample": [(56, 40), (72, 88)]}
SPACING = {"euler": ["default", "karras"], "heun": ["default", "karras"], "dpmpp_2m": ["default", "karras"]}
PROMPTS = [("a red apple", ""), ("the green house in the morning", "red"), ("", "an apple")]


def cases():
    number = 0
    for model in MODELS:
        for sampler in SAMPLERS:
            if sampler in ("pndm", "euler_a", "heun") and model == "tiny-sample":
                continue  # the reference refuses this prediction type with these samplers
            for sigmas in SPACING.get(sampler, ["default"]):
                width, height = SIZES[model][number % 2]
                prompt, negative = PROMPTS[number % 3]
                yield dict(name=f"{model}-{sampler}-{sigmas}", model=model, sampler=sampler, sigmas=sigmas, width=width, height=height,
                           prompt=prompt, negative_prompt=negative, steps=[4, 7, 9][number % 3], seed=100 + number,
                           guidance_scale=[5.0, 1.0, 7.5][(number // 2) % 3], guidance_rescale=0.0, eta=0.0,
                           num_images=2 if number % 5 == 0 else 1)
                number += 1
    base = dict(width=72, height=56, prompt="a red apple", negative_prompt="green", steps=6, seed=2**40 + 3, guidance_scale=6.0,
                guidance_rescale=0.0, eta=0.0, num_images=1, sampler="ddim", sigmas="default")
    yield dict(base, name="ddim-eta", model="tiny-v", eta=0.7)
    yield dict(base, name="rescaled", model="tiny-v", guidance_rescale=0.7)
    yield dict(base, name="long-prompt", model="tiny-epsilon", prompt="a red apple in the green house " * 20, spec=dict(literal_prompt=True))
    yield dict(base, name="unicode", model="tiny-epsilon", prompt="Äpfel, naïve  \t ＲＥＤ 🍎 apple's house")
    yield dict(base, name="one-step", model="tiny-epsilon", steps=1, sampler="dpmpp_2m")
    yield dict(base, name="own-sampler", model="tiny-epsilon", sampler="pndm", steps=10)
    yield dict(base, name="clip-skip", model="tiny-epsilon", clip_skip=1, spec=dict(literal_prompt=True))
    # 17 x 16 latents: the first level of the U-Net is large enough for Winograd's convolution.
    yield dict(base, name="larger-maps", model="tiny-epsilon", width=136, height=128, steps=5)


def open_pipelines(folder):
    """Name to pipeline, of the models that make() has written."""
    pipelines = {}
    for model in MODELS:
        pipeline = StableDiffusionPipeline.from_pretrained(f"{folder}/models/{model}", torch_dtype=torch.float32)
        pipeline.set_progress_bar_config(disable=True)
        # diffusers looks for the last normalisation where transformers 4 had it; a plain attribute, not a submodule.
        object.__setattr__(pipeline.text_encoder, "text_model", pipeline.text_encoder)
        pipeline.own_scheduler_config = pipeline.scheduler.config
        pipelines[model] = pipeline
    return pipelines


def pictures(pipeline, case):
    scheduler = SAMPLERS[case["sampler"]].from_config(pipeline.own_scheduler_config)
    if case["sigmas"] == "karras":
        scheduler = SAMPLERS[case["sampler"]].from_config(scheduler.config, use_karras_sigmas=True)
    pipeline.scheduler = scheduler
    generators = [torch.Generator("cpu").manual_seed(case["seed"] + i) for i in range(case["num_images"])]
    result = pipeline(case["prompt"], negative_prompt=case["negative_prompt"], width=case["width"], height=case["height"],
                      num_inference_steps=case["steps"], guidance_scale=case["guidance_scale"],
                      guidance_rescale=case["guidance_rescale"], eta=case["eta"],
                      num_images_per_prompt=case["num_images"], generator=generators,
                      clip_skip=case.get("clip_skip"), output_type="np").images
    return [(image * 255).round().astype("uint8") for image in result]


def make(goldens):
    for model in MODELS:
        build(model, f"{goldens.folder}/models/{model}")
    pipelines = open_pipelines(goldens.folder)
    for case in cases():
        pipeline = pipelines[case["model"]]
        goldens.write(case, pictures(pipeline, case), pictures(pipeline, dict(case, prompt="green", negative_prompt="the")))
