"""One guided U-Net step of Stable Diffusion 1.5 at 512x512: diffusers eager (channels-last) and ours, by turns.

Both run the full architecture with random weights on the same number of threads, each in a process of its own that stays
loaded; only one computes at a time. Prints a table of wall times and of the processor's times, and their ratios. On a
machine that does other work, compare the processor's times with --threads 1: they hardly depend on the load.

    python tests/bench/model/compare_unet_step.py --ours build/release/tests/bench/model/unet_step [--dtype bfloat16]
"""

import argparse
import statistics
import subprocess
import sys
import time

def serve_reference(dtype, threads, size):
    """Runs one step for each line on standard input."""
    import torch
    from diffusers import UNet2DConditionModel

    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    with torch.device("meta"):
        unet = UNet2DConditionModel(cross_attention_dim=768)
    unet = unet.to_empty(device="cpu").to(getattr(torch, dtype)).eval()
    noise = torch.randn(1 << 20)
    for parameter in unet.parameters():  # cheap weights of a plausible size
        scale = (parameter.numel() / parameter.shape[0]) ** -0.5 if parameter.dim() > 1 else 0.02
        repeats = -(-parameter.numel() // noise.numel())
        values = noise.to(parameter.dtype).repeat(repeats)[: parameter.numel()].view(parameter.shape) * scale
        parameter.data.copy_(values if parameter.dim() > 1 else values + 1)
    unet = unet.to(memory_format=torch.channels_last)
    kind = getattr(torch, dtype)
    sample = torch.randn(2, 4, size, size).to(kind).to(memory_format=torch.channels_last)
    text = torch.randn(2, 77, 768).to(kind)
    unet(sample, 500, text)
    print("ready", flush=True)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        unet(sample, 500, text)
        print(f"run wall {time.perf_counter() - wall:.4f} cpu {time.process_time() - cpu:.4f}", flush=True)


def run_step(process):
    process.stdin.write("\n")
    process.stdin.flush()
    fields = process.stdout.readline().split()
    return float(fields[2]), float(fields[4])


def start(command):
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    while process.stdout.readline().strip() != "ready":
        if process.poll() is not None:
            sys.exit(f"{command[0]} ended with {process.returncode}")
    return process


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", help="the program unet_step")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=64, help="edge of the latent")
    parser.add_argument("--serve-reference", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve_reference:
        serve_reference(arguments.dtype, arguments.threads, arguments.size)
        return
    common = ["--dtype", arguments.dtype, "--threads", str(arguments.threads), "--size", str(arguments.size)]
    reference = start([sys.executable, __file__, "--serve-reference", *common])
    ours = start([arguments.ours, "--serve", *common])
    times = {"diffusers": [], "latentd": []}
    for _ in range(arguments.rounds):
        times["diffusers"].append(run_step(reference))
        times["latentd"].append(run_step(ours))
    for process in (reference, ours):
        process.stdin.close()
        process.wait()
    print(f"guided step of Stable Diffusion 1.5, {8 * arguments.size} pixels, {arguments.dtype}, "
          f"{arguments.threads} threads, {arguments.rounds} rounds by turns")
    print(f"{'':10} {'wall min':>9} {'median':>9} {'max':>9} {'cpu min':>9} {'median':>9} {'max':>9}")
    for name, runs in times.items():
        row = []
        for column in zip(*runs):
            row += [min(column), statistics.median(column), max(column)]
        print(f"{name:10} " + " ".join(f"{value:9.2f}" for value in row))
    for i, label in enumerate(("wall", "cpu")):
        ratios = [mine[i] / theirs[i] for mine, theirs in zip(times["latentd"], times["diffusers"])]
        print(f"latentd / diffusers, {label}: median {statistics.median(ratios):.2f} "
              f"(from {min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
