"""Cases of Stable Diffusion XL: base, refiner, inpainting, and base and refiner as an ensemble."""

import os
import shutil

import diffusers
import torch
from diffusers import (DDIMScheduler, DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler, EulerDiscreteScheduler,
                       HeunDiscreteScheduler, StableDiffusionXLImg2ImgPipeline, StableDiffusionXLInpaintPipeline,
                       StableDiffusionXLPipeline)
from PIL import Image

import tiny_sdxl

NAME = "sdxl"
BASE, REFINER, INPAINTING = "tiny-xl", "tiny-xl-refiner", "tiny-xl-inpaint"
SAMPLERS = {"euler": EulerDiscreteScheduler, "euler_a": EulerAncestralDiscreteScheduler, "heun": HeunDiscreteScheduler,
            "ddim": DDIMScheduler, "dpmpp_2m": DPMSolverMultistepScheduler}


def sizes(original, crop, target=None, score=None):
    """A SizeConditioning; sizes are (width, height), crops (left, top)."""
    message = dict(original_width=original[0], original_height=original[1], crop_left=crop[0], crop_top=crop[1])
    if target:
        message |= dict(target_width=target[0], target_height=target[1])
    return message | (dict(aesthetic_score=score) if score is not None else {})


def cases():
    number = 0
    base = dict(model=BASE, prompt="a red apple", negative_prompt="green", guidance_scale=5.0, num_images=1, sampler="euler",
                sigmas="default", steps=6, width=72, height=56)

    def case(name, **changes):
        nonlocal number
        number += 1
        return dict(base, name=f"sdxl-{name}", seed=700 + number, **changes)

    yield case("text", num_images=2)
    yield case("tall", width=40, height=88, prompt="the green house in the morning", negative_prompt="red")
    yield case("wide", width=104, height=56, steps=9, guidance_scale=7.5)
    yield case("unguided", guidance_scale=1.0)
    yield case("empty-negative", negative_prompt="", width=56, height=72)
    yield case("empty-prompt", prompt="", negative_prompt="an apple")
    yield case("karras", sampler="dpmpp_2m", sigmas="karras", steps=8, width=64, height=72)
    yield case("ancestral", sampler="euler_a", steps=7, guidance_rescale=0.6)
    yield case("clip-skip", clip_skip=1, literal_prompt=True, sampler="ddim")
    yield case("clip-skip-2", clip_skip=2, literal_prompt=True, sampler="heun", steps=4)
    yield case("two-prompts", prompt_2="the green house", negative_prompt_2="in the morning")
    yield case("long-prompt", literal_prompt=True, prompt="a red apple in the green house " * 20)
    yield case("sizes", size=sizes((640, 400), (30, 0), (512, 512)))
    yield case("negative-sizes", size=sizes((64, 48), (0, 12), (1024, 768)), negative_size=sizes((16, 16), (5, 7), (32, 24)))
    yield case("unfinished", denoising_end=0.6, steps=9)
    redraw = dict(task="image_to_image", image="wide", strength=0.6)
    yield case("img2img", **redraw, num_images=2)
    yield case("img2img-tall", **dict(redraw, image="tall"), width=56, height=88, sampler="dpmpp_2m", sigmas="karras", steps=9)
    yield case("img2img-sizes", **redraw, width=88, height=56, size=sizes((200, 100), (0, 9), (88, 56)))
    yield case("img2img-end", **redraw, steps=10, denoising_end=0.8)
    held = dict(task="inpaint", image="wide", strength=1.0)
    yield case("inpaint", **held, width=104, height=56)
    yield case("inpaint-late", **dict(held, strength=0.7, image="tall"), width=56, height=88, sampler="euler_a")
    yield case("inpaint-end", **held, denoising_end=0.7, steps=8)
    yield case("inpaint9", **held, model=INPAINTING, num_images=2)
    yield case("inpaint9-late", **dict(held, strength=0.8, image="tall"), model=INPAINTING, width=40, height=72, steps=7)
    yield case("refiner", **redraw, model=REFINER, num_images=2)
    yield case("refiner-empty-negative", **redraw, model=REFINER, negative_prompt="", width=56, height=72)
    yield case("refiner-score", **redraw, model=REFINER, width=88, height=56, size=sizes((300, 200), (11, 4), score=7.5),
               negative_size=sizes((80, 60), (3, 2), score=1.0))
    yield case("refiner-crop", **redraw, model=REFINER, size=sizes((300, 200), (11, 4)))
    yield case("refiner-inpaint", **held, model=REFINER, width=56, height=64, clip_skip=1, literal_prompt=True)
    ensemble = dict(task="ensemble", steps=10)
    yield case("ensemble", **ensemble, share=0.7)
    yield case("ensemble-karras", **ensemble, share=0.6, sampler="dpmpp_2m", sigmas="karras", width=40, height=88)
    yield case("ensemble-heun", **ensemble, share=0.55, sampler="heun", width=88, height=56, num_images=2)


class Reference:
    """diffusers' pipelines over the parts of the three models."""

    def __init__(self, folder):
        self.inputs = f"{folder}/inputs"
        self.parts = {}
        for name, kind in ((BASE, StableDiffusionXLPipeline), (REFINER, StableDiffusionXLImg2ImgPipeline),
                           (INPAINTING, StableDiffusionXLInpaintPipeline)):
            self.parts[name] = kind.from_pretrained(f"{folder}/models/{name}", torch_dtype=torch.float32, add_watermarker=False)

    def pipeline(self, case, kind):
        source = self.parts[case["model"]]
        settings = dict(force_zeros_for_empty_prompt=source.config.force_zeros_for_empty_prompt, add_watermarker=False)
        if kind is not StableDiffusionXLPipeline:
            settings["requires_aesthetics_score"] = source.config.get("requires_aesthetics_score", False)
        pipeline = kind(**source.components, **settings)
        karras = {"use_karras_sigmas": True} if case["sigmas"] == "karras" else {}
        pipeline.scheduler = SAMPLERS[case["sampler"]].from_config(source.scheduler.config, **karras)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def picture(self, case, generator, **more):
        """One picture, or a latent with output_type="latent"; the case's task says by which pipeline."""
        arguments = dict(
            num_inference_steps=case["steps"], guidance_scale=case["guidance_scale"], guidance_rescale=case.get("guidance_rescale", 0.0),
            # No text at all, which the service has as an empty one.
            negative_prompt=case["negative_prompt"] or None, prompt_2=case.get("prompt_2"), negative_prompt_2=case.get("negative_prompt_2"),
            clip_skip=case.get("clip_skip"), generator=generator, output_type="np")
        if case.get("denoising_end"):
            arguments["denoising_end"] = case["denoising_end"]
        for prefix, message in (("", case.get("size")), ("negative_", case.get("negative_size"))):
            if message is None:
                continue
            arguments[f"{prefix}original_size"] = (message["original_height"], message["original_width"])
            arguments[f"{prefix}crops_coords_top_left"] = (message["crop_top"], message["crop_left"])
            if "target_width" in message:
                arguments[f"{prefix}target_size"] = (message["target_height"], message["target_width"])
            if "aesthetic_score" in message:
                arguments[f"{prefix}aesthetic_score"] = message["aesthetic_score"]
        arguments |= more
        size = dict(width=case["width"], height=case["height"])
        task = case.get("task")
        if task is None:
            return self.pipeline(case, StableDiffusionXLPipeline)(case["prompt"], **size, **arguments).images[0]
        if task == "image_to_image":
            pipeline = self.pipeline(case, StableDiffusionXLImg2ImgPipeline)
            image = case["image"]
            if isinstance(image, str):
                image = pipeline.image_processor.preprocess(Image.open(f"{self.inputs}/{image}.png"), **size)
                arguments["strength"] = case["strength"]
            return pipeline(case["prompt"], image=image, **arguments).images[0]
        pipeline = self.pipeline(case, StableDiffusionXLInpaintPipeline)
        images = {"image": Image.open(f"{self.inputs}/{case['image']}.png"), "mask_image": Image.open(f"{self.inputs}/{case['image']}-mask.png")}
        return pipeline(case["prompt"], strength=case["strength"], **images, **size, **arguments).images[0]

    def ensemble(self, case, seed):
        """The base's share of the denoising, and the rest by the refiner."""
        generator = torch.Generator("cpu").manual_seed(seed)
        latent = self.picture(dict(case, task=None, denoising_end=case["share"]), generator, output_type="latent")
        refined = dict(case, task="image_to_image", model=REFINER, image=latent.unsqueeze(0))
        return self.picture(refined, torch.Generator("cpu").manual_seed(seed), denoising_start=case["share"])

    def pictures(self, case):
        made = []
        for i in range(case["num_images"]):
            seed = case["seed"] + i
            image = self.ensemble(case, seed) if case.get("task") == "ensemble" else self.picture(case, torch.Generator("cpu").manual_seed(seed))
            made.append((image * 255).round().astype("uint8"))
        return made


def spec(case):
    """What the request has beyond the fields that all have."""
    more = {field: case[field] for field in ("prompt_2", "negative_prompt_2", "denoising_end") if field in case}
    for field, message in (("size_conditioning", case.get("size")), ("negative_size_conditioning", case.get("negative_size"))):
        if message is not None:
            more[field] = message
    image = {"data": f"@{case.get('image')}.png"}
    if case.get("task") == "image_to_image":
        more["image_to_image"] = dict(image=image, strength=case["strength"])
    if case.get("task") == "inpaint":
        more["inpaint"] = dict(image=image, mask={"data": f"@{case['image']}-mask.png"}, strength=case["strength"])
    if case.get("task") == "ensemble":
        more |= dict(denoising_end=case["share"], output=dict(format="IMAGE_FORMAT_LATENT"))
    return more


def then(case):
    """The second request of an ensemble: its image is the first one's latent."""
    return dict(case, model=REFINER, num_images=1, spec=dict(image_to_image=dict(denoising_start=case["share"])))


def make(goldens):
    """Needs the inputs of picture_cases."""
    models = {name: f"{goldens.folder}/models/{name}" for name in (BASE, REFINER, INPAINTING)}
    for folder in models.values():
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
    tiny_sdxl.build_base(models[BASE])
    tiny_sdxl.build_refiner(models[REFINER], models[BASE])
    tiny_sdxl.build_inpainting(models[INPAINTING], models[BASE])
    diffusers.utils.logging.set_verbosity_error()  # it warns of float32 parts before each picture
    reference = Reference(goldens.folder)
    for case in cases():
        written = dict(case, spec=spec(case))
        if case.get("task") == "ensemble":
            written["then"] = then(case)
        goldens.write(written, reference.pictures(case),
                      reference.pictures(dict(case, num_images=1, prompt="green", negative_prompt="the", prompt_2=None, negative_prompt_2=None)))
