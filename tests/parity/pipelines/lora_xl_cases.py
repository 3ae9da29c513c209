"""Cases of LoRA on Stable Diffusion XL: its two text encoders and its U-Net, in diffusers' and in kohya's style of keys."""

import os

import torch
from diffusers import StableDiffusionXLPipeline
from safetensors.torch import save_file

import lora_cases
import sdxl_cases

NAME = "lora_xl"
TEXT = ["q_proj", "v_proj", "fc1"]


def write_files(folder, pipeline):
    os.makedirs(f"{folder}/adapters", exist_ok=True)
    torch.manual_seed(41)
    # As diffusers' trainer of Stable Diffusion XL writes it.
    unet, unet_config = lora_cases.adapt(pipeline.unet, 3, 4, [*lora_cases.ATTENTION, "proj_in", "conv1"], 0.3)
    text, text_config = lora_cases.adapt(pipeline.text_encoder, 2, 2, TEXT, 0.5)
    text_2, text_2_config = lora_cases.adapt(pipeline.text_encoder_2, 2, 3, TEXT, 0.5)
    StableDiffusionXLPipeline.save_lora_weights(
        f"{folder}/adapters", unet_lora_layers=lora_cases.half(unet), text_encoder_lora_layers=lora_cases.half(text),
        text_encoder_2_lora_layers=lora_cases.half(text_2), unet_lora_adapter_metadata=unet_config,
        text_encoder_lora_adapter_metadata=text_config, text_encoder_2_lora_adapter_metadata=text_2_config,
        weight_name="lora-xl.safetensors")
    # As kohya's trainer does: the original layout's names, lora_te1 and lora_te2.
    kohya = lora_cases.flattened("lora_unet", lora_cases.in_original_names(pipeline.unet), 1, alpha=2, window_alpha=1, strength=0.15)
    for prefix, encoder in (("lora_te1", pipeline.text_encoder), ("lora_te2", pipeline.text_encoder_2)):
        kohya |= lora_cases.flattened(prefix, lora_cases.text_layers(encoder), 2, alpha=2, window_alpha=0, strength=0.5)
    save_file(lora_cases.half(kohya), f"{folder}/adapters/lora-xl-kohya.safetensors")


def cases():
    base = dict(model=sdxl_cases.BASE, prompt="a red apple", negative_prompt="green", guidance_scale=5.0, num_images=1, sampler="euler",
                sigmas="default", steps=6)
    number = 0

    def case(name, loras, **changes):
        nonlocal number
        number += 1
        return dict(base, name=f"lora-xl-{name}", seed=760 + number, loras=loras, **changes)

    yield case("diffusers", {"lora-xl": 1.0}, width=72, height=56, num_images=2)
    yield case("kohya", {"lora-xl-kohya": 0.8}, width=40, height=88, sampler="dpmpp_2m")
    yield case("two", {"lora-xl": 0.7, "lora-xl-kohya": -0.5}, width=104, height=64, sampler="euler_a", steps=7)
    yield case("unguided", {"lora-xl": 1.2}, width=56, height=72, guidance_scale=1.0, prompt_2="the green house")
    yield case("img2img", {"lora-xl-kohya": 1.0}, width=88, height=56, task="image_to_image", image="wide", strength=0.7)


class Reference(sdxl_cases.Reference):
    """diffusers' pipelines, with a case's LoRAs."""

    def __init__(self, folder):
        super().__init__(folder)
        self.adapters = f"{folder}/adapters"

    def pipeline(self, case, kind):
        pipeline = super().pipeline(case, kind)
        pipeline.unload_lora_weights()
        for name in case["loras"]:
            pipeline.load_lora_weights(self.adapters, weight_name=f"{name}.safetensors", adapter_name=name)
        if case["loras"]:
            pipeline.set_adapters(list(case["loras"]), list(case["loras"].values()))
        return pipeline


def make(goldens):
    """Needs the base of sdxl_cases."""
    reference = Reference(goldens.folder)
    write_files(goldens.folder, reference.parts[sdxl_cases.BASE])
    for case in cases():
        loras = [{"name": name, "scale": scale} for name, scale in case["loras"].items()]
        goldens.write(dict(case, spec=sdxl_cases.spec(case) | {"loras": loras}), reference.pictures(case), reference.pictures(dict(case, loras={})))
