"""Makes tests/golden/pipelines: small models, and the pictures that diffusers makes with them.

    python tests/parity/pipelines/make_goldens.py [--check]

Needs the environment of tests/parity/requirements.txt. `cases.json` lists the requests; each picture is
`pictures/<case>-<image>.png`. --check makes nothing and compares what the reference gives now with what is committed.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile

import numpy
import torch
from diffusers import (DDIMPipeline, DDIMScheduler, DDPMPipeline, DDPMScheduler, DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler,
                       EulerDiscreteScheduler, HeunDiscreteScheduler, LDMPipeline, PNDMScheduler,
                       StableDiffusionPipeline)
from PIL import Image

import picture_cases
import tiny_unconditional
from tiny_models import build

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.normpath(f"{HERE}/../../golden/pipelines")
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
    yield dict(base, name="long-prompt", model="tiny-epsilon", prompt="a red apple in the green house " * 20)
    yield dict(base, name="unicode", model="tiny-epsilon", prompt="Äpfel, naïve  \t ＲＥＤ 🍎 apple's house")
    yield dict(base, name="one-step", model="tiny-epsilon", steps=1, sampler="dpmpp_2m")
    yield dict(base, name="own-sampler", model="tiny-epsilon", sampler="pndm", steps=10)
    yield dict(base, name="clip-skip", model="tiny-epsilon", clip_skip=1)
    # 17 x 16 latents: the first level of the U-Net is large enough for Winograd's convolution.
    yield dict(base, name="larger-maps", model="tiny-epsilon", width=136, height=128, steps=5)


def unconditional_cases():
    base = dict(task="unconditional", sigmas="default", steps=8, eta=0.0, num_images=1)
    yield dict(base, name="ddpm", model="tiny-ddpm", sampler="ddpm", width=16, height=24, seed=31, num_images=2)
    yield dict(base, name="ddpm-by-ddim", model="tiny-ddpm", sampler="ddim", width=16, height=24, seed=32, eta=0.4)
    yield dict(base, name="ddpm-learned-variance", model="tiny-ddpm-learned", sampler="ddpm", width=16, height=24, seed=33)
    yield dict(base, name="ldm", model="tiny-ldm", sampler="ddim", width=64, height=64, seed=34, num_images=2)
    # Without eta: LDMPipeline draws its noise from the global generator, whatever it is given.
    yield dict(base, name="ldm-more-steps", model="tiny-ldm", sampler="ddim", width=64, height=64, seed=35, steps=11)


def unconditional_pictures(folder, case):
    kind = LDMPipeline if case["model"] == "tiny-ldm" else DDIMPipeline if case["sampler"] == "ddim" else DDPMPipeline
    pipeline = kind.from_pretrained(f"{folder}/models/{case['model']}", torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    eta = {} if kind is DDPMPipeline else dict(eta=case["eta"])
    result = []
    for i in range(case["num_images"]):
        generator = torch.Generator("cpu").manual_seed(case["seed"] + i)
        image = pipeline(batch_size=1, num_inference_steps=case["steps"], generator=generator, output_type="np", **eta).images[0]
        result.append((image * 255).round().astype("uint8"))
    return result


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


def make(folder):
    os.makedirs(f"{folder}/pictures", exist_ok=True)
    pipelines = {}
    for model in MODELS:
        build(model, f"{folder}/models/{model}")
        pipelines[model] = StableDiffusionPipeline.from_pretrained(f"{folder}/models/{model}", torch_dtype=torch.float32)
        pipelines[model].set_progress_bar_config(disable=True)
        # diffusers looks for the last normalisation where transformers 4 had it; a plain attribute, not a submodule.
        object.__setattr__(pipelines[model].text_encoder, "text_model", pipelines[model].text_encoder)
        pipelines[model].own_scheduler_config = pipelines[model].scheduler.config
    done = []
    for case in cases():
        images = pictures(pipelines[case["model"]], case)
        other = pictures(pipelines[case["model"]], dict(case, prompt="green", negative_prompt="the"))
        spread = numpy.std(images[0])
        reacts = numpy.abs(images[0].astype(int) - other[0].astype(int)).mean()
        print(f"{case['name']:32} std {spread:5.1f}  text moves it by {reacts:5.1f}")
        for i, image in enumerate(images):
            Image.fromarray(image).save(f"{folder}/pictures/{case['name']}-{i}.png", optimize=True)
        done.append(case)
    for model in tiny_unconditional.NAMES:
        tiny_unconditional.build(model, f"{folder}/models/{model}")
    for case in unconditional_cases():
        for i, image in enumerate(unconditional_pictures(folder, case)):
            print(f"{case['name']:32} std {numpy.std(image):5.1f}")
            Image.fromarray(image).save(f"{folder}/pictures/{case['name']}-{i}.png", optimize=True)
        done.append(case)
    picture_cases.write_inputs(f"{folder}/inputs")
    picture_cases.build_inpainting(f"{folder}/models/{picture_cases.INPAINTING}", f"{folder}/models/tiny-epsilon")
    reference = picture_cases.Reference(folder, pipelines, SAMPLERS)
    for case in picture_cases.cases():
        for i, image in enumerate(reference.pictures(case)):
            print(f"{case['name']:32} std {numpy.std(image):5.1f}")
            Image.fromarray(image).save(f"{folder}/pictures/{case['name']}-{i}.png", optimize=True)
        done.append(case)
    with open(f"{folder}/cases.json", "w", encoding="utf-8") as f:
        json.dump(done, f, indent=1, ensure_ascii=False)


def check(folder):
    worst = 0
    for case in json.load(open(f"{GOLDEN}/cases.json", encoding="utf-8")):
        for i in range(case["num_images"]):
            a, b = (numpy.asarray(Image.open(f"{f}/pictures/{case['name']}-{i}.png")).astype(int) for f in (GOLDEN, folder))
            worst = max(worst, numpy.abs(a - b).max())
    print(f"largest difference between the reference now and the committed pictures: {worst} grey levels")
    return worst <= 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        with tempfile.TemporaryDirectory() as folder:
            make(folder)
            sys.exit(0 if check(folder) else 1)
    shutil.rmtree(GOLDEN, ignore_errors=True)
    make(GOLDEN)
