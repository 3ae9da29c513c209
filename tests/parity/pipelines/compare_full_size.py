"""A full-size architecture with random weights: the service against diffusers, and what loading costs.

    python tests/parity/pipelines/compare_full_size.py --architecture sd15|sd21|sdxl --folder DIR [--bin build/release] [--size 512]

Writes the model in bfloat16 into DIR/NAME (sd15: 2.1 GB, sd21: 2.6 GB, sdxl: 7 GB) when it is not there, part by part. Then:
 1. loads it in bfloat16 and makes a picture of 64 x 64: prints by how much the peak of the process's memory rises over idle, as a multiple
    of the files' size; and one guided step at SIZE x SIZE: prints the peak.
 2. the same step through the service and through diffusers, in the type of TYPES: prints the largest difference. In float32 it must be
    1 grey level at most; in bfloat16, where roundings differ, it is told only.
Needs the environment of tests/parity/requirements.txt. The first part takes the files' size in memory and 2 GB more, the second about
twice the size of the weights in its type.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile

import numpy
import torch
from diffusers import (AutoencoderKL, DDIMScheduler, EulerDiscreteScheduler, PNDMScheduler, StableDiffusionPipeline,
                       StableDiffusionXLPipeline, UNet2DConditionModel)
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from tiny_models import write_tokenizer

REQUEST = dict(prompt="a red apple", negative="the green house", seed=11, guidance=7.5)
PIPELINES = {"sd15": StableDiffusionPipeline, "sd21": StableDiffusionPipeline, "sdxl": StableDiffusionXLPipeline}
# float32 weights of SDXL are 14 GB.
TYPES = {"sd15": "float32", "sd21": "float32", "sdxl": "bfloat16"}
SAMPLERS = {"sd15": "pndm", "sd21": "ddim", "sdxl": "euler"}
BETAS = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")


def text_config(vocab, pad, **sizes):
    return CLIPTextConfig(vocab_size=49408, bos_token_id=vocab - 2, eos_token_id=vocab - 1, pad_token_id=pad, **sizes)


def build_vae(scaling_factor, sample_size):
    return AutoencoderKL(block_out_channels=(128, 256, 512, 512), down_block_types=("DownEncoderBlock2D",) * 4,
                         up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=4, layers_per_block=2, sample_size=sample_size,
                         scaling_factor=scaling_factor)


def small_text(vocab):
    """The text encoder of Stable Diffusion 1.x, which is the first one of XL."""
    return CLIPTextModel(text_config(vocab, vocab - 1, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
                                     hidden_act="quick_gelu", projection_dim=768))


def parts_of_sd15(vocab):
    """Name to a function that makes the part; one is in memory at a time."""
    return {
        "text_encoder": lambda: small_text(vocab["tokenizer"]),
        "unet": lambda: UNet2DConditionModel(
            sample_size=64, block_out_channels=(320, 640, 1280, 1280), layers_per_block=2, cross_attention_dim=768, attention_head_dim=8,
            down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",), up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3),
        "vae": lambda: build_vae(0.18215, 512),
        "scheduler": lambda: PNDMScheduler(**BETAS, skip_prk_steps=True, steps_offset=1, set_alpha_to_one=False),
    }


def parts_of_sd21(vocab):
    """The velocity model of 768 x 768."""
    return {
        "text_encoder": lambda: CLIPTextModel(text_config(
            vocab["tokenizer"], 0, hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16,
            hidden_act="gelu", projection_dim=512)),
        "unet": lambda: UNet2DConditionModel(
            sample_size=96, block_out_channels=(320, 640, 1280, 1280), layers_per_block=2, cross_attention_dim=1024,
            attention_head_dim=[5, 10, 20, 20], use_linear_projection=True, upcast_attention=True,
            down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",), up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3),
        "vae": lambda: build_vae(0.18215, 768),
        "scheduler": lambda: DDIMScheduler(**BETAS, clip_sample=False, set_alpha_to_one=False, steps_offset=1,
                                           prediction_type="v_prediction"),
    }


def parts_of_sdxl(vocab):
    return {
        "text_encoder": lambda: small_text(vocab["tokenizer"]),
        "text_encoder_2": lambda: CLIPTextModelWithProjection(text_config(
            vocab["tokenizer_2"], 0, hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20,
            hidden_act="gelu", projection_dim=1280)),
        "unet": lambda: UNet2DConditionModel(
            sample_size=128, block_out_channels=(320, 640, 1280), layers_per_block=2, cross_attention_dim=2048, attention_head_dim=[5, 10, 20],
            transformer_layers_per_block=[1, 2, 10], use_linear_projection=True, addition_embed_type="text_time",
            addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D")),
        "vae": lambda: build_vae(0.13025, 1024),
        "scheduler": lambda: EulerDiscreteScheduler(**BETAS, interpolation_type="linear", steps_offset=1, timestep_spacing="leading"),
    }


PARTS = {"sd15": parts_of_sd15, "sd21": parts_of_sd21, "sdxl": parts_of_sdxl}
TOKENIZERS = {"sd15": {"tokenizer": "<|endoftext|>"}, "sd21": {"tokenizer": "!"}, "sdxl": {"tokenizer": "<|endoftext|>", "tokenizer_2": "!"}}


@torch.no_grad()
def random_weights(part):
    """Gives a network without memory its weights: one block of noise, again and again, scaled as new layers are. Billions of numbers
    take long to draw."""
    noise = torch.randn((1 << 20) + 7)
    part = part.to_empty(device="cpu")
    for parameter in part.parameters():
        if parameter.ndim == 1:
            parameter.fill_(0)
            continue
        scaled = (noise / (3 * parameter[0].numel()) ** 0.5).to(parameter.dtype)
        flat = parameter.data.view(-1)
        for begin in range(0, flat.numel(), scaled.numel()):
            flat[begin:begin + scaled.numel()] = scaled[:flat.numel() - begin]
    for module in part.modules():
        if "Norm" in type(module).__name__:
            module.weight.fill_(1)
    if isinstance(part, AutoencoderKL):
        part.decoder.conv_out.weight.mul_(4)
    return part


def build(architecture, folder):
    vocab = {name: write_tokenizer(f"{folder}/{name}", pad) for name, pad in TOKENIZERS[architecture].items()}
    index = {"_class_name": PIPELINES[architecture].__name__, "_diffusers_version": "0.42.1"}
    index |= {name: ["transformers", "CLIPTokenizer"] for name in vocab}
    if architecture != "sdxl":
        index |= {"safety_checker": [None, None], "feature_extractor": [None, None], "requires_safety_checker": False}
    torch.manual_seed(15)
    for name, make in PARTS[architecture](vocab).items():
        with torch.device("cpu" if name == "scheduler" else "meta"):
            part = make()
        if isinstance(part, torch.nn.Module):
            part = random_weights(part.to(torch.bfloat16))
        part.save_pretrained(f"{folder}/{name}")
        index[name] = [type(part).__module__.split(".")[0], type(part).__name__]
        del part
        print(f"wrote {name}", flush=True)
    with open(f"{folder}/model_index.json", "w", encoding="utf-8") as f:
        json.dump(index, f, indent=1)


class Server:
    """A latentd of its own on free ports."""

    def __init__(self, binary, models, dtype, *flags):
        self.process = subprocess.Popen([f"{binary}/server/latentd", "--models", models, "--dtype", dtype, "--listen", "127.0.0.1:0",
                                         "--metrics-listen", "127.0.0.1:0", *flags], stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            found = re.search(r"gRPC on ([^,]+)", line)
            self.address = found.group(1) if found else getattr(self, "address", None)
            if '"message":"ready"' in line:
                return
        sys.exit("latentd ended before it was ready")

    def peak(self):
        status = open(f"/proc/{self.process.pid}/status", encoding="utf-8").read()
        return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) * 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Comparison:
    def __init__(self, arguments):
        self.architecture, self.binary, self.models, self.size = (arguments.architecture, arguments.bin, arguments.folder, arguments.size)

    def generate(self, server, size, out):
        subprocess.run([f"{self.binary}/client/cli/latentctl", "generate", "--server", server.address, "--model", self.architecture,
                        "--prompt", REQUEST["prompt"], "--negative-prompt", REQUEST["negative"], "--seed", str(REQUEST["seed"]),
                        "--guidance-scale", str(REQUEST["guidance"]), "--steps", "1", "--sampler", SAMPLERS[self.architecture],
                        "--width", str(size), "--height", str(size), "--out", out], check=True, stdout=subprocess.DEVNULL)

    def ours(self, dtype):
        with tempfile.TemporaryDirectory() as folder:
            server = Server(self.binary, self.models, dtype)
            self.generate(server, self.size, f"{folder}/ours.png")
            server.stop()
            return numpy.asarray(Image.open(f"{folder}/ours.png")).astype(int)

    def theirs(self, dtype):
        pipeline = PIPELINES[self.architecture].from_pretrained(f"{self.models}/{self.architecture}", torch_dtype=getattr(torch, dtype))
        # The service draws its noise in float32 whatever the type of the weights.
        generator = torch.Generator("cpu").manual_seed(REQUEST["seed"])
        noise = torch.randn((1, 4, self.size // 8, self.size // 8), generator=generator).to(getattr(torch, dtype))
        image = pipeline(REQUEST["prompt"], negative_prompt=REQUEST["negative"], num_inference_steps=1, guidance_scale=REQUEST["guidance"],
                         width=self.size, height=self.size, latents=noise, output_type="np").images[0]
        return (image * 255).round().astype(int)

    def compare(self):
        dtype = TYPES[self.architecture]
        ours, theirs = self.ours(dtype), self.theirs(dtype)
        difference = numpy.abs(ours - theirs)
        print(f"{self.size} x {self.size}, {dtype}, one guided step: largest difference {difference.max()} grey levels, mean "
              f"{difference.mean():.3f}, {(difference > 0).mean():.2%} of values differ, the picture's deviation is {theirs.std():.0f}", flush=True)
        return dtype != "float32" or difference.max() <= 1

    def memory(self):
        files = sum(os.path.getsize(f"{folder}/{name}") for folder, _, names in os.walk(f"{self.models}/{self.architecture}")
                    for name in names if name.endswith(".safetensors"))
        server = Server(self.binary, self.models, "bfloat16")
        idle = server.peak()
        with tempfile.TemporaryDirectory() as folder:
            self.generate(server, 64, f"{folder}/small.png")
            rise = server.peak() - idle
            print(f"loading {files / 1e9:.2f} GB in bfloat16 and a picture of 64 x 64: the peak rises by {rise / 1e9:.2f} GB, "
                  f"{rise / files:.3f} times its size", flush=True)
            self.generate(server, self.size, f"{folder}/large.png")
            print(f"one guided step at {self.size} x {self.size}: peak {server.peak() / 1e9:.2f} GB in all", flush=True)
        server.stop()
        return rise <= 1.1 * files


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", choices=sorted(PARTS), required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--bin", default="build/release")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--skip-comparison", action="store_true", help="memory alone, where there is no room for diffusers")
    given = parser.parse_args()
    if not os.path.exists(f"{given.folder}/{given.architecture}/model_index.json"):
        build(given.architecture, f"{given.folder}/{given.architecture}")
    comparison = Comparison(given)
    held = [comparison.memory()] + ([] if given.skip_comparison else [comparison.compare()])
    sys.exit(0 if all(held) else 1)
