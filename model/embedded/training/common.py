"""What both training programs need: the device, a budget of time, averaged weights, checkpoints."""

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

    def rate(self, step: int, warmup: int = 200) -> float:
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
def log(path: pathlib.Path, columns: list[str]):
    """Appends rows to a CSV, with a header when it is new."""
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
