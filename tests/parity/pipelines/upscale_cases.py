"""Cases of models that enlarge pictures: Stable Diffusion's upscaler, latent diffusion's super-resolution."""

import torch
from diffusers import LDMSuperResolutionPipeline, StableDiffusionUpscalePipeline
from PIL import Image, ImageOps

import picture_cases
import text_cases
import tiny_upscalers
from own_noise import draw_from

NAME = "upscale"
# Their sizes need not be multiples of what the pipelines cut them to: 4, and 32.
INPUTS = {"low-wide": (21, 14), "low-tall": (12, 20), "low-strip": (28, 8), "low-32": (70, 40), "low-32-tall": (32, 64),
          "low-32-strip": (96, 35)}


def cases():
    base = dict(steps=7, eta=0.0, num_images=1, sigmas="default")
    number = 0

    def case(name, **changes):
        nonlocal number
        number += 1
        return dict(base, name=name, seed=700 + number, **changes)

    text = dict(model=tiny_upscalers.UPSCALER, prompt="a red apple", negative_prompt="green", guidance_scale=4.0)
    yield case("upscale-ddim", **text, sampler="ddim", image="low-wide", num_images=2)
    yield case("upscale-eta", **text | dict(eta=0.6), sampler="ddim", image="low-tall", noise_level=200)
    yield case("upscale-unguided", **text | dict(guidance_scale=1.0), sampler="euler", image="low-strip", noise_level=0)
    yield case("upscale-ancestral", **text, sampler="euler_a", image="low-wide", noise_level=100)
    yield case("upscale-karras", **text | dict(sigmas="karras"), sampler="dpmpp_2m", image="low-tall", noise_level=250)
    yield case("upscale-pndm", **text | dict(prompt=""), sampler="pndm", image="low-strip", noise_level=10)
    plain = dict(model=tiny_upscalers.LDM)
    yield case("ldm-upscale-ddim", **plain, sampler="ddim", image="low-32", num_images=2)
    yield case("ldm-upscale-eta", **plain | dict(eta=0.7), sampler="ddim", image="low-32-tall")
    yield case("ldm-upscale-euler", **plain, sampler="euler", image="low-32-strip")
    yield case("ldm-upscale-ancestral", **plain, sampler="euler_a", image="low-32")
    yield case("ldm-upscale-dpmpp", **plain, sampler="dpmpp_2m", image="low-32-tall")


class Reference:
    def __init__(self, folder):
        self.inputs = f"{folder}/inputs"
        self.samplers = text_cases.SAMPLERS
        kinds = {tiny_upscalers.UPSCALER: StableDiffusionUpscalePipeline, tiny_upscalers.LDM: LDMSuperResolutionPipeline}
        self.pipelines = {name: kind.from_pretrained(f"{folder}/models/{name}", torch_dtype=torch.float32) for name, kind in kinds.items()}
        self.configs = {name: pipeline.scheduler.config for name, pipeline in self.pipelines.items()}

    def pictures(self, case):
        pipeline = self.pipelines[case["model"]]
        pipeline.set_progress_bar_config(disable=True)
        karras = {"use_karras_sigmas": True} if case["sigmas"] == "karras" else {}
        picture = Image.open(f"{self.inputs}/{case['image']}.png")
        picture = ImageOps.flip(picture) if case.get("flip") else picture
        result = []
        for i in range(case["num_images"]):
            pipeline.scheduler = self.samplers[case["sampler"]].from_config(self.configs[case["model"]], **karras)
            generator = torch.Generator("cpu").manual_seed(case["seed"] + i)
            common = dict(image=picture, num_inference_steps=case["steps"], eta=case["eta"], generator=generator, output_type="np")
            if case["model"] == tiny_upscalers.LDM:
                draw_from(pipeline.scheduler, generator)
                images = pipeline(**common).images
            else:
                images = pipeline(case["prompt"], negative_prompt=case["negative_prompt"], guidance_scale=case["guidance_scale"],
                                  noise_level=case.get("noise_level", 20), **common).images
            result.append((images[0] * 255).round().astype("uint8"))
        return result


def task(case):
    low_res = {"data": f"@{case['image']}.png"}
    level = dict(noise_level=case["noise_level"]) if "noise_level" in case else {}
    return dict(super_resolution=dict(low_res=low_res, **level))


def other(case):
    """With other noise in the small picture, and the U-Net told so; or enlarged from that picture upside down."""
    if case["model"] == tiny_upscalers.UPSCALER:
        return dict(case, noise_level=(case.get("noise_level", 20) + 100) % 250)
    return dict(case, flip=True)


def make(goldens):
    """Needs the models of text_cases."""
    folder = goldens.folder
    for name, size in INPUTS.items():
        picture_cases.draw(*size).save(f"{folder}/inputs/{name}.png", optimize=True)
    tiny_upscalers.build_upscaler(f"{folder}/models/{tiny_upscalers.UPSCALER}", f"{folder}/models/tiny-v")
    tiny_upscalers.build_ldm(f"{folder}/models/{tiny_upscalers.LDM}")
    reference = Reference(folder)
    for case in cases():
        goldens.write(dict(case, spec=task(case)), reference.pictures(case), reference.pictures(other(case)))
