"""One guided U-Net step of Stable Diffusion 1.5 at 512x512: diffusers eager (channels-last), OpenVINO and ours, by turns.

All run the full architecture with random weights on the same number of threads, each in a process of its own that stays
loaded; only one computes at a time. Prints a table of wall times and of the processor's times, and their ratios. On a
machine that does other work, compare the processor's times with --threads 1: they hardly depend on the load.

    python tests/bench/model/compare_unet_step.py --ours build/release/tests/bench/model/unet_step [--dtype bfloat16]
        [--device cuda] [--lanes N] [--peers diffusers compiled openvino]

compiled: diffusers under torch.compile(mode="reduce-overhead"), which records CUDA graphs, as ours does on a GPU.

OpenVINO (pip install openvino==2026.4.1) gets the network of diffusers through its own converter.
"""

import argparse
import statistics
import subprocess
import sys
import time


def build_unet(dtype, device="cpu"):
    """The network of diffusers with cheap weights of a plausible size."""
    import torch
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel(cross_attention_dim=768)
    unet = unet.to_empty(device=device).to(dtype).eval()
    noise = torch.randn(1 << 20, device=device)
    for parameter in unet.parameters():
        scale = (parameter.numel() / parameter.shape[0]) ** -0.5 if parameter.dim() > 1 else 0.02
        repeats = -(-parameter.numel() // noise.numel())
        values = noise.to(parameter.dtype).repeat(repeats)[: parameter.numel()].view(parameter.shape) * scale
        parameter.data.copy_(values if parameter.dim() > 1 else values + 1)
    return unet


def diffusers_step(arguments, compiled=False):
    import torch

    torch.set_num_threads(arguments.threads)
    torch.set_grad_enabled(False)
    kind, device, lanes, size = getattr(torch, arguments.dtype), arguments.device, arguments.lanes, arguments.size
    unet = build_unet(kind, device).to(memory_format=torch.channels_last)
    if compiled:
        unet = torch.compile(unet, mode="reduce-overhead", fullgraph=True)
    sample = torch.randn(lanes, 4, size, size).to(device, kind, memory_format=torch.channels_last)
    text = torch.randn(lanes, 77, 768).to(device, kind)
    timestep = torch.tensor(500.0, device=device)

    def step():
        unet(sample, timestep, text)
        if device == "cuda":
            torch.cuda.synchronize()

    return step


def compiled_step(arguments):
    return diffusers_step(arguments, compiled=True)


def openvino_step(arguments):
    import openvino
    import torch

    torch.set_grad_enabled(False)
    dtype, threads, lanes, size = arguments.dtype, arguments.threads, arguments.lanes, arguments.size
    sample, text = torch.randn(lanes, 4, size, size), torch.randn(lanes, 77, 768)

    class Step(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.unet = build_unet(torch.float32)

        def forward(self, sample, timestep, text):
            return self.unet(sample, timestep, text, return_dict=False)[0]

    shapes = [list(sample.shape), [1], list(text.shape)]
    graph = openvino.convert_model(Step(), example_input=(sample, torch.tensor([500.0]), text), input=shapes)
    precision = {"float32": "f32", "bfloat16": "bf16"}[dtype]
    options = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(graph, "CPU", options)
    request = compiled.create_infer_request()
    inputs = [sample.numpy(), torch.tensor([500.0]).numpy(), text.numpy()]
    return lambda: request.infer(inputs)


STEPS = {"diffusers": diffusers_step, "compiled": compiled_step, "openvino": openvino_step}


def serve(step):
    """Runs one step for each line on standard input."""
    for _ in range(3):
        step()
    print("ready", flush=True)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        step()
        print(f"run wall {time.perf_counter() - wall:.5f} cpu {time.process_time() - cpu:.4f}", flush=True)


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
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--lanes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=64, help="edge of the latent")
    parser.add_argument("--peers", nargs="+", default=["diffusers"], choices=STEPS)
    parser.add_argument("--serve", choices=STEPS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(STEPS[arguments.serve](arguments))
        return
    common = ["--dtype", arguments.dtype, "--threads", str(arguments.threads), "--size", str(arguments.size),
              "--device", arguments.device, "--lanes", str(arguments.lanes)]
    processes = {peer: start([sys.executable, __file__, "--serve", peer, *common]) for peer in arguments.peers}
    processes["latentd"] = start([arguments.ours, "--serve", *common, *(["--graphs"] if arguments.device == "cuda" else [])])
    times = {name: [] for name in processes}
    for _ in range(arguments.rounds):
        for name, process in processes.items():
            times[name].append(run_step(process))
    for process in processes.values():
        process.stdin.close()
        process.wait()
    print(f"step of Stable Diffusion 1.5, {arguments.lanes} lanes, {8 * arguments.size} pixels, {arguments.device}, {arguments.dtype}, "
          f"{arguments.threads} threads, {arguments.rounds} rounds by turns; seconds")
    print(f"{'':10} {'wall min':>9} {'median':>9} {'max':>9} {'cpu min':>9} {'median':>9} {'max':>9}")
    for name, runs in times.items():
        row = []
        for column in zip(*runs):
            row += [min(column), statistics.median(column), max(column)]
        print(f"{name:10} " + " ".join(f"{value:9.4f}" for value in row))
    for peer in arguments.peers:
        for i, label in enumerate(("wall", "cpu")):
            ratios = [mine[i] / theirs[i] for mine, theirs in zip(times["latentd"], times[peer])]
            print(f"latentd / {peer}, {label}: median {statistics.median(ratios):.3f} "
                  f"(from {min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
