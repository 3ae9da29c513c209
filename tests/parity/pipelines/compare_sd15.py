"""The full Stable Diffusion 1.5 architecture with random weights: the service against diffusers, and what loading costs.

    python tests/parity/pipelines/compare_sd15.py --folder DIR [--bin build/release] [--size 512] [--one-file]

Writes the model into DIR/sd15 (1.7 GB in bfloat16) when it is not there; with --one-file as one file in the original layout into DIR/one-file, too,
which is then served in its stead. Then:
 1. one guided step at SIZE x SIZE in float32 through the service and through diffusers: prints the largest difference;
 2. loads the model in bfloat16: prints by how much the peak of the process's memory rises over idle, as a multiple of the files' size.
Needs the environment of tests/parity/requirements.txt, and about 12 GB of memory.
"""

import argparse
import glob
import os
import re
import signal
import subprocess
import sys
import tempfile

import numpy
import torch
from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

import single_file_cases
from tiny_models import write_tokenizer

REQUEST = dict(prompt="a red apple", negative="the green house", seed=11, guidance=7.5)


def build(folder):
    torch.manual_seed(15)
    torch.set_default_dtype(torch.bfloat16)
    vocab = write_tokenizer(f"{folder}/tokenizer", "<|endoftext|>")
    text = CLIPTextModel(CLIPTextConfig(vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12,
                                        num_attention_heads=12, hidden_act="quick_gelu", projection_dim=768,
                                        bos_token_id=vocab - 2, eos_token_id=vocab - 1, pad_token_id=vocab - 1))
    unet = UNet2DConditionModel(sample_size=64, block_out_channels=(320, 640, 1280, 1280), layers_per_block=2, cross_attention_dim=768,
                                attention_head_dim=8,
                                down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
                                up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3)
    vae = AutoencoderKL(block_out_channels=(128, 256, 512, 512), down_block_types=("DownEncoderBlock2D",) * 4,
                        up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=4, layers_per_block=2, sample_size=512)
    torch.set_default_dtype(torch.float32)
    with torch.no_grad():
        vae.decoder.conv_out.weight.mul_(4)
    scheduler = PNDMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1,
                              set_alpha_to_one=False)
    pipeline = StableDiffusionPipeline(vae=vae, text_encoder=text, tokenizer=CLIPTokenizer.from_pretrained(f"{folder}/tokenizer"),
                                       unet=unet, scheduler=scheduler, safety_checker=None, feature_extractor=None,
                                       requires_safety_checker=False)
    pipeline.save_pretrained(folder, safe_serialization=True)


def build_one_file(folder, target):
    pipeline = StableDiffusionPipeline.from_pretrained(folder, torch_dtype=torch.bfloat16)
    os.makedirs(target, exist_ok=True)
    single_file_cases.write_original(pipeline, f"{target}/sd15.safetensors", "sd15")


class Server:
    """A latentd of its own on free ports."""

    def __init__(self, binary, models, dtype):
        self.process = subprocess.Popen([f"{binary}/server/latentd", "--models", models, "--dtype", dtype, "--listen", "127.0.0.1:0",
                                         "--metrics-listen", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            found = re.search(r"gRPC on ([^,]+)", line)
            self.address = found.group(1) if found else getattr(self, "address", None)
            if line.rstrip().endswith(" ready"):
                return
        sys.exit("latentd ended before it was ready")

    def peak(self):
        status = open(f"/proc/{self.process.pid}/status", encoding="utf-8").read()
        return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) * 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def generate(binary, address, size, out):
    subprocess.run([f"{binary}/client/cli/latentctl", "generate", "--server", address, "--model", "sd15", "--prompt", REQUEST["prompt"],
                    "--negative-prompt", REQUEST["negative"], "--seed", str(REQUEST["seed"]), "--guidance-scale", str(REQUEST["guidance"]),
                    "--steps", "1", "--sampler", "pndm", "--width", str(size), "--height", str(size), "--out", out], check=True,
                   stdout=subprocess.DEVNULL)


def compare(binary, models, size, reference, one_file):
    with tempfile.TemporaryDirectory() as folder:
        server = Server(binary, models, "float32")
        generate(binary, server.address, size, f"{folder}/ours.png")
        server.stop()
        ours = numpy.asarray(Image.open(f"{folder}/ours.png")).astype(int)
    pipeline = StableDiffusionPipeline.from_pretrained(reference, torch_dtype=torch.float32)
    if one_file:  # which is read with CLIP's own vocabulary
        with tempfile.TemporaryDirectory() as folder:
            pipeline.tokenizer = single_file_cases.tokenizer(f"{folder}/words", "sd15")
    theirs = pipeline(REQUEST["prompt"], negative_prompt=REQUEST["negative"], num_inference_steps=1, guidance_scale=REQUEST["guidance"],
                      width=size, height=size, generator=[torch.Generator("cpu").manual_seed(REQUEST["seed"])], output_type="np").images[0]
    theirs = (theirs * 255).round().astype(int)
    difference = numpy.abs(ours - theirs)
    print(f"{size} x {size}, float32, one guided step: largest difference {difference.max()} grey levels, "
          f"{(difference > 0).mean():.2%} of values differ, the picture's deviation is {theirs.std():.0f}", flush=True)
    return difference.max() <= 1


def memory(binary, models):
    size = sum(os.path.getsize(file) for pattern in ("sd15.safetensors", "sd15/*/*.safetensors") for file in glob.glob(f"{models}/{pattern}"))
    server = Server(binary, models, "bfloat16")
    idle = server.peak()
    with tempfile.TemporaryDirectory() as folder:
        generate(binary, server.address, 64, f"{folder}/small.png")
    rise = server.peak() - idle
    server.stop()
    print(f"loading {size / 1e9:.2f} GB in bfloat16 and a picture of 64 x 64: the peak rises by {rise / 1e9:.2f} GB, {rise / size:.3f} times its size")
    return rise <= 1.1 * size


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--bin", default="build/release")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--one-file", action="store_true")
    arguments = parser.parse_args()
    if not os.path.exists(f"{arguments.folder}/sd15/model_index.json"):
        build(f"{arguments.folder}/sd15")
    models = arguments.folder
    if arguments.one_file:
        models = f"{arguments.folder}/one-file"
        if not os.path.exists(f"{models}/sd15.safetensors"):
            build_one_file(f"{arguments.folder}/sd15", models)
    held = [memory(arguments.bin, models), compare(arguments.bin, models, arguments.size, f"{arguments.folder}/sd15", arguments.one_file)]
    sys.exit(0 if all(held) else 1)
