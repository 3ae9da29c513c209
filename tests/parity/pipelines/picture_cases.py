"""Cases that begin with a picture: image-to-image, inpainting with ordinary and with 9-channel models, outpainting."""

import os

import numpy
import torch
from diffusers import (AutoencoderKL, PNDMScheduler, StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline,
                       UNet2DConditionModel)
from PIL import Image, ImageDraw
from transformers import CLIPTextModel, CLIPTokenizer

import text_cases
from tiny_models import loud

NAME = "pictures"
INPAINTING = "tiny-inpaint"


def build_inpainting(folder, base):
    """A 9-channel U-Net beside the text encoder and the VAE of the model in `base`."""
    torch.manual_seed(20)
    unet = UNet2DConditionModel(
        sample_size=8, in_channels=9, out_channels=4, block_out_channels=(16, 32), layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=32, norm_num_groups=8, attention_head_dim=4)
    loud(unet, 1.4)
    scheduler = PNDMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1,
                              set_alpha_to_one=False)
    pipeline = StableDiffusionInpaintPipeline(
        vae=AutoencoderKL.from_pretrained(base, subfolder="vae"), text_encoder=CLIPTextModel.from_pretrained(base, subfolder="text_encoder"),
        tokenizer=CLIPTokenizer.from_pretrained(base, subfolder="tokenizer"), unet=unet, scheduler=scheduler, safety_checker=None,
        feature_extractor=None, requires_safety_checker=False)
    pipeline.to(torch.float16)
    pipeline.save_pretrained(folder, safe_serialization=True)


def draw(width, height):
    y, x = numpy.mgrid[0:height, 0:width]
    colours = numpy.stack([127 + 120 * numpy.sin(x / 9), 127 + 120 * numpy.cos((x + y) / 13), 255 * y / height], -1)
    picture = Image.fromarray(colours.round().astype("uint8"))
    ImageDraw.Draw(picture).ellipse([width // 4, height // 4, width // 2, height // 2], fill=(240, 30, 20))
    return picture


def write_inputs(folder):
    """Two pictures and their masks, of sizes that the requests do not have."""
    os.makedirs(folder, exist_ok=True)
    for name, (width, height) in {"wide": (97, 61), "tall": (50, 83)}.items():
        draw(width, height).save(f"{folder}/{name}.png", optimize=True)
        mask = Image.new("L", (width, height), 0)
        ImageDraw.Draw(mask).polygon([(5, 3), (width - 9, height // 3), (width // 2, height - 4)], fill=255)
        mask.save(f"{folder}/{name}-mask.png", optimize=True)


def cases():
    base = dict(prompt="a red apple", negative_prompt="green", guidance_scale=5.0, guidance_rescale=0.0, eta=0.0, num_images=1,
                sigmas="default", image="wide")
    number = 0

    def case(name, **changes):
        nonlocal number
        number += 1
        return dict(base, name=name, seed=500 + number, **changes)

    redraw = dict(task="image_to_image")
    yield case("img2img-ddim", **redraw, model="tiny-v", sampler="ddim", steps=8, strength=0.6, width=88, height=56, num_images=2)
    yield case("img2img-eta", **redraw, model="tiny-v", sampler="ddim", steps=7, strength=0.8, width=56, height=104, eta=0.5, image="tall")
    yield case("img2img-pndm", **redraw, model="tiny-epsilon", sampler="pndm", steps=10, strength=0.75, width=72, height=56)
    yield case("img2img-heun", **redraw, model="tiny-epsilon", sampler="heun", steps=6, strength=0.5, width=40, height=88, image="tall")
    yield case("img2img-euler-a", **redraw, model="tiny-epsilon", sampler="euler_a", steps=6, strength=1.0, width=72, height=56)
    yield case("img2img-karras", **redraw, model="tiny-v", sampler="dpmpp_2m", sigmas="karras", steps=9, strength=0.3, width=64, height=72)
    yield case("img2img-sample", **redraw, model="tiny-sample", sampler="ddpm", steps=9, strength=0.7, width=56, height=40)
    yield case("img2img-unguided", **redraw, model="tiny-sample", sampler="euler", steps=5, strength=0.45, width=72, height=88,
               guidance_scale=1.0, image="tall")
    held = dict(task="inpaint")
    yield case("inpaint-ddim", **held, model="tiny-v", sampler="ddim", steps=6, strength=1.0, width=104, height=56, num_images=2)
    yield case("inpaint-ancestral", **held, model="tiny-epsilon", sampler="euler_a", steps=7, strength=0.8, width=72, height=56)
    yield case("inpaint-heun", **held, model="tiny-epsilon", sampler="heun", steps=5, strength=0.7, width=40, height=88, image="tall")
    yield case("inpaint-ddpm", **held, model="tiny-sample", sampler="ddpm", steps=6, strength=0.9, width=56, height=40)
    yield case("inpaint-pndm", **held, model="tiny-epsilon", sampler="pndm", steps=8, strength=0.6, width=88, height=40)
    yield case("inpaint9-pndm", **held, model=INPAINTING, sampler="pndm", steps=7, strength=1.0, width=72, height=56, num_images=2)
    yield case("inpaint9-late", **held, model=INPAINTING, sampler="euler_a", steps=6, strength=0.7, width=56, height=88, image="tall")
    yield case("inpaint9-eta", **held, model=INPAINTING, sampler="ddim", steps=5, strength=1.0, width=104, height=64, eta=0.8)
    margins = dict(task="outpaint")
    yield case("outpaint", **margins, model="tiny-v", sampler="ddim", steps=6, width=120, height=72, left=16, right=9, top=0, bottom=11)
    yield case("outpaint9", **margins, model=INPAINTING, sampler="euler", steps=6, width=64, height=104, left=0, right=14, top=21, bottom=0,
               image="tall")


def extended(picture, case):
    """The picture on its larger canvas, and the mask of what is new."""
    sides = ((case["top"], case["bottom"]), (case["left"], case["right"]))
    canvas = numpy.pad(numpy.asarray(picture), (*sides, (0, 0)), mode="edge")
    mask = numpy.pad(numpy.zeros((picture.height, picture.width), "uint8"), sides, constant_values=255)
    return Image.fromarray(canvas), Image.fromarray(mask)


class Reference:
    """The pipelines of diffusers over the parts of `models`, name to StableDiffusionPipeline."""

    def __init__(self, folder, models, samplers):
        self.inputs = f"{folder}/inputs"
        self.models = models
        self.samplers = samplers
        self.inpainting = StableDiffusionInpaintPipeline.from_pretrained(f"{folder}/models/{INPAINTING}", torch_dtype=torch.float32)

    def pipeline(self, case):
        if case["model"] == INPAINTING:
            pipeline, config = self.inpainting, self.inpainting.scheduler.config
        else:
            source = self.models[case["model"]]
            kind = StableDiffusionImg2ImgPipeline if case["task"] == "image_to_image" else StableDiffusionInpaintPipeline
            pipeline, config = kind(**source.components, requires_safety_checker=False), source.own_scheduler_config
        karras = {"use_karras_sigmas": True} if case["sigmas"] == "karras" else {}
        pipeline.scheduler = self.samplers[case["sampler"]].from_config(config, **karras)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def pictures(self, case):
        pipeline = self.pipeline(case)
        picture = Image.open(f"{self.inputs}/{case['image']}.png")
        size = dict(width=case["width"], height=case["height"])
        common = dict(num_inference_steps=case["steps"], guidance_scale=case["guidance_scale"], eta=case["eta"], output_type="np",
                      negative_prompt=case["negative_prompt"])
        result = []
        for i in range(case["num_images"]):
            generator = torch.Generator("cpu").manual_seed(case["seed"] + i)
            if case["task"] == "image_to_image":
                image = pipeline.image_processor.preprocess(picture, **size)
                images = pipeline(case["prompt"], image=image, strength=case["strength"], generator=generator, **common).images
            else:
                mask = Image.open(f"{self.inputs}/{case['image']}-mask.png")
                image, mask = extended(picture, case) if case["task"] == "outpaint" else (picture, mask)
                images = pipeline(case["prompt"], image=image, mask_image=mask, strength=case.get("strength", 1.0), generator=generator,
                                  **size, **common).images
            result.append((images[0] * 255).round().astype("uint8"))
        return result


def task(case):
    image = {"data": f"@{case['image']}.png"}
    if case["task"] == "image_to_image":
        return dict(image_to_image=dict(image=image, strength=case["strength"]))
    if case["task"] == "inpaint":
        return dict(inpaint=dict(image=image, mask={"data": f"@{case['image']}-mask.png"}, strength=case["strength"]))
    return dict(outpaint=dict(image=image, **{side: case[side] for side in ("left", "right", "top", "bottom")}))


def make(goldens):
    """Needs the models of text_cases."""
    folder = goldens.folder
    write_inputs(f"{folder}/inputs")
    build_inpainting(f"{folder}/models/{INPAINTING}", f"{folder}/models/tiny-epsilon")
    reference = Reference(folder, text_cases.open_pipelines(folder), text_cases.SAMPLERS)
    for case in cases():
        goldens.write(dict(case, spec=task(case)), reference.pictures(case))
