"""The text encoder and the U-Net, trained together on latents (encode.py).

    python train_diffusion.py --latents work/latents.pt --tokenizer export/tokenizer --out work/diffusion.pt --minutes 90

Resumes from --out if it is there. With another --latents (more concepts) it goes on from what it has learnt.
Velocity prediction, bounded weights for little noise, 10 % empty prompts for guidance; the averaged weights are the ones exported.
"""

import argparse
import json
import pathlib
import random

import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

import captions
import common
import networks


class Batches:
    """Draws captions, each with `repeats` noise levels: the text is encoded once for all of them."""

    def __init__(self, path: pathlib.Path, tokenizer: CLIPTokenizer, device: torch.device, tinted_share: float, empty_share: float):
        stored = torch.load(path, weights_only=True)
        self.latents = stored["latents"].to(device)
        self.records = json.loads(stored["records"])
        self.tokenizer = tokenizer
        self.tinted_share = tinted_share
        self.empty_share = empty_share
        self.plain = [i for i, r in enumerate(self.records) if not r.get("colour")]
        self.tinted = [i for i, r in enumerate(self.records) if r.get("colour")]
        self.queue: list[int] = []

    def next(self, count: int, rng: random.Random) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids [count, 77] and latents [count, C, h, w]."""
        chosen = self.choose(count, rng)
        texts = ["" if rng.random() < self.empty_share else captions.training_caption(self.records[i], rng) for i in chosen]
        ids = self.tokenizer(texts, padding="max_length", truncation=True, max_length=self.tokenizer.model_max_length, return_tensors="pt").input_ids
        return ids.to(self.latents.device), self.latents[chosen]

    def choose(self, count: int, rng: random.Random) -> list[int]:
        return [rng.choice(self.tinted) if self.tinted and rng.random() < self.tinted_share else self.next_plain(rng) for _ in range(count)]

    def next_plain(self, rng: random.Random) -> int:
        if not self.queue:
            self.queue = rng.sample(self.plain, len(self.plain))
        return self.queue.pop()


def work(rank: int, args: argparse.Namespace, both: torch.nn.ModuleDict, steps: torch.Tensor) -> None:
    device = common.pick_device()
    data = Batches(args.latents, CLIPTokenizer.from_pretrained(args.tokenizer), device, args.tints, empty_share=0.1)
    ema = common.Ema(both, args.ema)
    signals = networks.build_scheduler().alphas_cumprod.to(device)
    rows = args.captions * args.repeats
    first, seen, spent = 0, 0, 0.0
    if state := common.load(args.out, device):
        ema.module.load_state_dict(state["ema"])
        first, seen = state["step"], state["seen"]
        spent = 0.0 if args.restart_clock else state["spent"]
    optimiser = common.adamw(both, args.rate, 0.99, state and state["optimiser"])
    torch.manual_seed(first * args.workers + rank)
    rng = random.Random(first * args.workers + rank)
    budget = common.Budget(args.minutes, spent)
    both.train()
    text, predict = both["text"], torch.compile(both["unet"]) if args.compile else both["unet"]

    def checkpoint() -> None:
        common.save(args.out, {
            "model": both.state_dict(), "ema": ema.module.state_dict(), "optimiser": optimiser.state_dict(),
            "step": step, "seen": seen, "spent": budget.spent,
        })

    with common.log(args.out.with_suffix(".csv"), ["step", "rows", "seconds", "loss", "error_little_noise", "error_much_noise"], rank) as row:
        sums, last, step = torch.zeros(3, device=device), budget.spent, first
        while not budget.over():
            ids, clean = data.next(args.captions, rng)
            clean = clean.repeat_interleave(args.repeats, 0)
            # One timestep from each of `rows` equal slices: the loss varies less from batch to batch.
            slices = (torch.randperm(rows, device=device) + torch.rand(rows, device=device)) / rows
            timesteps = (slices * 1000).long().clamp(max=999)
            signal = signals[timesteps]
            latents, target = networks.noised(clean, torch.randn_like(clean), signal)
            with common.bfloat16(device, cpu=False):
                context = text(ids).last_hidden_state.repeat_interleave(args.repeats, 0)  # [rows, 77, WIDTH]
                velocity = predict(latents.contiguous(memory_format=common.layout(device)), timesteps, context).sample
            error = (velocity.float() - target).square().mean((1, 2, 3))
            # An error of the velocity is (1 + SNR) times one of the clean latent; beyond 5 times it would only polish.
            gain = 1 / (1 - signal)
            loss = (error * (gain.clamp(max=5) / gain)).mean()
            common.update(both, optimiser, loss, args.rate * budget.rate(first + int(steps.sum())))
            steps[rank] += 1
            if rank:
                continue
            seen += (first + int(steps.sum()) - step) * rows
            step = first + int(steps.sum())
            ema.update(both, step)
            error, much = error.detach(), timesteps >= 500
            sums += torch.stack([loss.detach(), error[~much].mean(), error[much].mean()])
            if steps[0] % 50 == 0:
                row(step, seen, round(budget.spent, 1), *(sums / 50).tolist())
                sums.zero_()
            if budget.spent - last > 120:
                checkpoint()
                last = budget.spent
    if rank == 0:
        checkpoint()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latents", type=pathlib.Path, required=True)
    parser.add_argument("--tokenizer", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--text", type=pathlib.Path, help="the text encoder to start from (train_text.py)")
    start.add_argument("--model", type=pathlib.Path, help="an exported folder to go on from, both networks")
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--workers", type=int, default=1, help="processes; without a GPU, the number of cores")
    parser.add_argument("--captions", type=int, default=12, help="captions a step and worker")
    parser.add_argument("--repeats", type=int, default=2, help="noise levels for each caption")
    parser.add_argument("--rate", type=float, default=8e-4)
    parser.add_argument("--ema", type=float, default=0.998)
    parser.add_argument("--tints", type=float, default=0.2, help="share of recoloured pictures")
    parser.add_argument("--compile", action="store_true", help="worth its start-up on a GPU")
    parser.add_argument("--restart-clock", action="store_true", help="count --minutes from now, keeping the weights")
    args = parser.parse_args()

    device = common.start(args.workers)
    tokenizer = CLIPTokenizer.from_pretrained(args.tokenizer)
    text = networks.build_text_encoder(tokenizer.get_vocab(), tokenizer.model_max_length)
    unet = networks.build_unet()
    both = torch.nn.ModuleDict({"text": text, "unet": unet}).to(device, memory_format=common.layout(device))
    print(f"text {sum(p.numel() for p in text.parameters()):,}  U-Net {sum(p.numel() for p in unet.parameters()):,} parameters")
    if state := common.load(args.out, device):
        both.load_state_dict(state["model"])
    elif args.model:
        text.load_state_dict(CLIPTextModel.from_pretrained(args.model, subfolder="text_encoder", dtype=torch.float32).state_dict())
        unet.load_state_dict(UNet2DConditionModel.from_pretrained(args.model, subfolder="unet", torch_dtype=torch.float32).state_dict())
    elif args.text:
        text.load_state_dict(common.load(args.text, device))
    common.launch(work, args, both)


if __name__ == "__main__":
    main()
