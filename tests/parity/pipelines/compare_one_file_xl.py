"""Stable Diffusion XL as one file in the original layout, small and with random weights: the service against diffusers' from_single_file.

    python tests/parity/pipelines/compare_one_file_xl.py [--bin build/release]

Writes a base and a refiner whose text encoders have CLIP's own vocabulary, checks that diffusers reads every tensor of the files, and makes the
same pictures by the service and by diffusers. Prints the largest difference of each. Needs the environment of tests/parity/requirements.txt.
"""

import argparse
import os
import subprocess
import sys
import tempfile

import numpy
import torch
from diffusers import AutoencoderKL, StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline, UNet2DConditionModel
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

import clip_words
import original_layout
import tiny_sdxl
from compare_full_size import Server
from tiny_models import loud

FEATURES, FEATURES_2 = 8, 12  # of the text encoders, which diffusers tells by them
SIZES = [(72, 56), (40, 88), (104, 64)]
PICTURE = f"{os.path.dirname(os.path.abspath(__file__))}/../../golden/pipelines/inputs/wide.png"


def text(kind, features, act, pad):
    network = kind(CLIPTextConfig(
        vocab_size=49408, hidden_size=features, intermediate_size=32, num_hidden_layers=3, num_attention_heads=1, max_position_embeddings=77,
        hidden_act=act, bos_token_id=49406, eos_token_id=49407, pad_token_id=pad, projection_dim=features))
    loud(network, 3.0)
    return network


def build(folder, refiner):
    torch.manual_seed(52 if refiner else 51)
    levels = (32, 32, 32)
    numbers = 5 if refiner else 6
    unet = UNet2DConditionModel(
        sample_size=128, in_channels=4, out_channels=4, block_out_channels=levels, layers_per_block=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=1, transformer_layers_per_block=[1, 1, 2],
        cross_attention_dim=FEATURES_2 + (0 if refiner else FEATURES), use_linear_projection=True, addition_embed_type="text_time",
        addition_time_embed_dim=256, projection_class_embeddings_input_dim=FEATURES_2 + 256 * numbers)
    loud(unet, 1.4)
    vae = AutoencoderKL(block_out_channels=(32,) * 4, down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
                        latent_channels=4, layers_per_block=1, sample_size=1024, scaling_factor=0.13025)
    loud(vae, 1.3)
    with torch.no_grad():
        vae.decoder.conv_out.weight.mul_(2.2)
    kind = StableDiffusionXLImg2ImgPipeline if refiner else StableDiffusionXLPipeline
    traits = dict(requires_aesthetics_score=True, force_zeros_for_empty_prompt=False) if refiner else {}
    pipeline = kind(
        vae=vae, unet=unet, scheduler=tiny_sdxl.scheduler(), add_watermarker=False, **traits,
        tokenizer=None if refiner else clip_words.tokenizer(f"{folder}/words", "<|endoftext|>"), tokenizer_2=clip_words.tokenizer(f"{folder}/words-2", "!"),
        text_encoder=None if refiner else text(CLIPTextModel, FEATURES, "quick_gelu", 49407), text_encoder_2=text(CLIPTextModelWithProjection, FEATURES_2, "gelu", 0))
    pipeline.save_pretrained(f"{folder}/config", safe_serialization=True)
    return pipeline


def write(pipeline, file, refiner):
    below = original_layout.below
    tensors = below("model.diffusion_model.", original_layout.unet(pipeline.unet)) | below("first_stage_model.", original_layout.vae(pipeline.vae))
    second = original_layout.open_clip(pipeline.text_encoder_2) | {"logit_scale": torch.tensor(4.6)}
    tensors |= below(f"conditioner.embedders.{0 if refiner else 1}.model.", second)
    if not refiner:
        tensors |= below("conditioner.embedders.0.transformer.", original_layout.clip(pipeline.text_encoder))
    tensors["denoiser.sigmas"] = torch.ones(4)
    save_file({name: value.detach().contiguous() for name, value in tensors.items()}, file)


def read(file, config, written):
    pipeline = type(written).from_single_file(file, config=config, torch_dtype=torch.float32, local_files_only=True, add_watermarker=False)
    pipeline.set_progress_bar_config(disable=True)
    for part in ("unet", "vae", "text_encoder", "text_encoder_2"):
        if getattr(written, part) is None:
            continue
        expected, found = getattr(written, part).state_dict(), getattr(pipeline, part).state_dict()
        assert expected.keys() == found.keys() and all(torch.equal(expected[name], found[name]) for name in expected), part
    return pipeline


def compare(binary, address, pipeline, name, size, folder):
    width, height = size
    redraw = isinstance(pipeline, StableDiffusionXLImg2ImgPipeline)
    command = [f"{binary}/client/cli/latentctl", "generate", "--server", address, "--model", name, "--prompt", "a red apple", "--negative-prompt", "green",
               "--literal-prompt", "--steps", "6", "--seed", "5", "--guidance-scale", "5", "--width", str(width), "--height", str(height), "--out",
               f"{folder}/ours.png"]
    subprocess.run(command + (["--init-image", PICTURE, "--strength", "0.7"] if redraw else []), check=True, stdout=subprocess.DEVNULL)
    common = dict(negative_prompt="green", num_inference_steps=6, guidance_scale=5.0, generator=torch.Generator("cpu").manual_seed(5), output_type="np")
    if redraw:
        image = pipeline.image_processor.preprocess(Image.open(PICTURE), width=width, height=height)
        theirs = pipeline("a red apple", image=image, strength=0.7, **common).images[0]
    else:
        theirs = pipeline("a red apple", width=width, height=height, **common).images[0]
    theirs = (theirs * 255).round().astype(int)
    difference = numpy.abs(numpy.asarray(Image.open(f"{folder}/ours.png")).astype(int) - theirs).max()
    print(f"{name:10} {width:3} x {height:3}: largest difference {difference} grey levels, deviation {theirs.std():.0f}", flush=True)
    return difference


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default="build/release")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(f"{folder}/models")
        pipelines = {}
        for name in ("xl-base", "xl-refiner"):
            os.makedirs(f"{folder}/{name}")
            written = build(f"{folder}/{name}", name == "xl-refiner")
            file = f"{folder}/models/{name}.safetensors"
            write(written, file, name == "xl-refiner")
            pipelines[name] = read(file, f"{folder}/{name}/config", written)
        server = Server(arguments.bin, f"{folder}/models", "float32")
        worst = max(compare(arguments.bin, server.address, pipeline, name, size, folder) for name, pipeline in pipelines.items() for size in SIZES)
        server.stop()
    sys.exit(0 if worst <= 1 else 1)
