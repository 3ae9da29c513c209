"""What the training programs need: the device, a budget of time, averaged weights, checkpoints."""

import contextlib
import copy
import csv
import json
import math
import os
import pathlib
import time

import numpy as np
import torch


def pick_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def bfloat16(device: torch.device, cpu: bool):
    """Autocast to bfloat16 on a GPU, and on a CPU where `cpu` says that it pays."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=cpu or device.type == "cuda")


def layout(device: torch.device) -> torch.memory_format:
    """Channels last where it is faster: on GPUs. The many small maps of these networks prefer the plain order on a CPU."""
    return torch.channels_last if device.type == "cuda" else torch.contiguous_format


def adamw(model: torch.nn.Module, rate: float, beta2: float, state: dict | None) -> torch.optim.AdamW:
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, beta2), weight_decay=1e-3, fused=True)
    if state:
        optimiser.load_state_dict(state)
        for group in optimiser.param_groups:
            group.update(fused=True, foreach=None)
        for weight, moments in optimiser.state.items():  # in the weights' own memory order, as the fused kernel expects
            for name in ("exp_avg", "exp_avg_sq"):
                moments[name] = torch.empty_like(weight, requires_grad=False).copy_(moments[name])
    return optimiser


def start(workers: int) -> torch.device:
    """The device to train on; the networks that are built next have the same weights each time."""
    if workers > 1:
        torch.set_num_threads(1)  # before anything starts a thread: the workers are forks
    torch.manual_seed(0)
    return pick_device()


def update(model: torch.nn.Module, optimiser: torch.optim.Optimizer, loss: torch.Tensor, rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()


def launch(work, args, model: torch.nn.Module) -> None:
    """Runs `work(rank, args, model, steps)` in `args.workers` processes, one for each core, that share the weights.

    Each worker updates the shared weights in place, without locks ("Hogwild"). On a few cores that is half as fast again as one
    process with as many threads, and it does not wait at every operator for a core that others use. `steps` [workers] is
    shared as well: the updates each worker has made.
    """
    steps = torch.zeros(args.workers, dtype=torch.long)
    if args.workers == 1:
        work(0, args, model, steps)
        return
    steps.share_memory_()
    model.share_memory()
    torch.multiprocessing.start_processes(work, (args, model, steps), nprocs=args.workers, start_method="fork")


def load_pictures(path: pathlib.Path) -> tuple[torch.Tensor, list[dict]]:
    """[N, 3, 64, 64] uint8 and the records beside it."""
    archive = np.load(path)
    pixels = torch.from_numpy(archive["pixels"]).permute(0, 3, 1, 2).contiguous()
    return pixels, json.loads(str(archive["records"]))


class Budget:
    """Training time, counted across restarts. The learning rate follows it, so that a busy machine still ends well.

    `rate()` warms up over the first 2 %, holds, and falls over the last `decay` of the time by a cosine.
    """

    def __init__(self, minutes: float, spent: float = 0.0, decay: float = 0.35):
        self.total = minutes * 60
        self.before = spent
        self.start = time.monotonic()
        self.decay = decay

    @property
    def spent(self) -> float:
        return self.before + time.monotonic() - self.start

    @property
    def fraction(self) -> float:
        return self.spent / self.total

    def over(self) -> bool:
        return self.fraction >= 1

    def rate(self, step: int, warmup: int = 100) -> float:
        up = min(1.0, (step + 1) / warmup)
        into = max(0.0, (self.fraction - (1 - self.decay)) / self.decay)
        return up * max(0.01, 0.5 * (1 + math.cos(math.pi * min(1.0, into))))


class Ema:
    """Exponential moving average of a module's weights; the horizon grows to `decay` from nothing."""

    def __init__(self, module: torch.nn.Module, decay: float):
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self.decay = decay
        self.pairs: list[tuple[torch.Tensor, torch.Tensor]] = []

    @torch.no_grad()
    def update(self, module: torch.nn.Module, step: int) -> None:
        if not self.pairs:
            self.pairs = list(zip(self.module.parameters(), module.parameters()))
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        averaged, current = zip(*self.pairs)
        torch._foreach_lerp_(list(averaged), [p.detach() for p in current], weight)


@torch.no_grad()
def start_linear(model: torch.nn.Module) -> None:
    """Zeroes what each residual block adds, so that training begins with a linear network, which learns much sooner."""
    for name, weight in model.named_parameters():
        attention = ".proj_out." in name or (".to_out." in name and "transformer_blocks" not in name)
        if ".conv2." in name or attention:
            weight.zero_()


def save(path: pathlib.Path, state: dict) -> None:
    """Writes beside, then renames: a checkpoint is whole or it is the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    torch.save(state, draft)
    os.replace(draft, path)


def load(path: pathlib.Path, device: torch.device) -> dict | None:
    if not path.exists():
        return None
    return torch.load(path, map_location=device, weights_only=True)


@contextlib.contextmanager
def log(path: pathlib.Path, columns: list[str], rank: int):
    """Appends rows to a CSV, with a header when it is new. The first worker alone writes."""
    if rank:
        yield None
        return
    new = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(columns)

        def row(*values):
            writer.writerow([f"{v:.6g}" if isinstance(v, float) else v for v in values])
            file.flush()
            print("  ".join(f"{c} {v:.4g}" if isinstance(v, float) else f"{c} {v}" for c, v in zip(columns, values)), flush=True)

        yield row
