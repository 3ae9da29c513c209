"""A clip of AnimateDiff on Stable Diffusion 1.5 with random weights: the service against diffusers, and its memory.

    python tests/parity/pipelines/compare_full_size_clip.py --folder DIR [--bin build/release] [--frames 16] [--size 256]

Writes the model and the motion modules (version 2, 0.9 GB) in bfloat16 into DIR when they are not there. Then one guided step:
 1. in bfloat16: prints the peak of the process's memory, and how much of it is over idle.
 2. in float32 through the service and through diffusers: prints the largest difference of any frame, which must be 1 grey level at most.
Needs the environment of tests/parity/requirements.txt; the second part takes about 12 GB.
"""

import argparse
import os
import subprocess
import sys
import tempfile

import numpy
import torch
from diffusers import AnimateDiffPipeline, MotionAdapter, PNDMScheduler, StableDiffusionPipeline
from PIL import Image

from compare_full_size import REQUEST, SAMPLERS, Server, build, random_weights


def build_motion(folder):
    with torch.device("meta"):
        adapter = MotionAdapter().to(torch.bfloat16)
    # Buffers have no weights to draw: a small one has the same positions.
    adapter = random_weights(adapter)
    for name, buffer in adapter.named_buffers():
        buffer.copy_(MotionAdapter(block_out_channels=(buffer.shape[2],), motion_layers_per_block=1,
                                   motion_norm_num_groups=32).down_blocks[0].motion_modules[0].transformer_blocks[0].pos_embed.pe)
    adapter.save_pretrained(folder)


def frames_of_service(given, dtype):
    """The frames, and the peak of memory before and after."""
    server = Server(given.bin, f"{given.folder}/models", dtype, "--adapters", f"{given.folder}/adapters")
    idle = server.peak()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([f"{given.bin}/client/cli/latentctl", "generate", "--server", server.address, "--model", "sd15", "--motion", "motion",
                        "--frames", str(given.frames), "--prompt", REQUEST["prompt"], "--negative-prompt", REQUEST["negative"], "--seed",
                        str(REQUEST["seed"]), "--guidance-scale", str(REQUEST["guidance"]), "--steps", "1", "--sampler", SAMPLERS["sd15"],
                        "--width", str(given.size), "--height", str(given.size), "--out", f"{folder}/x.png"], check=True,
                       stdout=subprocess.DEVNULL)
        frames = [numpy.asarray(Image.open(f"{folder}/x-{i}.png")).astype(int) for i in range(given.frames)]
    peak = server.peak()
    server.stop()
    return frames, idle, peak


def frames_of_diffusers(given):
    parts = StableDiffusionPipeline.from_pretrained(f"{given.folder}/models/sd15", torch_dtype=torch.float32)
    adapter = MotionAdapter.from_pretrained(f"{given.folder}/adapters/motion", torch_dtype=torch.float32)
    pipeline = AnimateDiffPipeline(vae=parts.vae, text_encoder=parts.text_encoder, tokenizer=parts.tokenizer, unet=parts.unet,
                                   motion_adapter=adapter, scheduler=PNDMScheduler.from_config(parts.scheduler.config))
    frames = pipeline(REQUEST["prompt"], negative_prompt=REQUEST["negative"], num_frames=given.frames, num_inference_steps=1,
                      guidance_scale=REQUEST["guidance"], width=given.size, height=given.size,
                      generator=torch.Generator("cpu").manual_seed(REQUEST["seed"]), output_type="np").frames[0]
    return [(frame * 255).round().astype(int) for frame in frames]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--bin", default="build/release")
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--skip-comparison", action="store_true", help="memory alone, where there is no room for diffusers")
    arguments = parser.parse_args()
    if not os.path.exists(f"{arguments.folder}/models/sd15/model_index.json"):
        build("sd15", f"{arguments.folder}/models/sd15")
    if not os.path.exists(f"{arguments.folder}/adapters/motion/config.json"):
        build_motion(f"{arguments.folder}/adapters/motion")
    what = f"{arguments.frames} frames of {arguments.size} x {arguments.size}, one guided step"
    _, before, after = frames_of_service(arguments, "bfloat16")
    print(f"{what}, bfloat16: peak {after / 1e9:.2f} GB in all, {(after - before) / 1e9:.2f} GB over idle", flush=True)
    if arguments.skip_comparison:
        sys.exit(0)
    ours, theirs = frames_of_service(arguments, "float32")[0], frames_of_diffusers(arguments)
    largest = max(numpy.abs(a - b).max() for a, b in zip(ours, theirs, strict=True))
    print(f"{what}, float32: largest difference {largest} grey levels, the frames' deviation is {numpy.std(theirs):.0f}", flush=True)
    sys.exit(0 if largest <= 1 else 1)
