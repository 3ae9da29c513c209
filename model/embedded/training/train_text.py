"""Gives the text encoder a start: from the words alone it learns to tell which picture is meant.

    python train_text.py --latents work/latents.pt --tokenizer export/tokenizer --out work/text.pt --minutes 5

Goes on from --out if it is there. A linear head reads the mean of all positions, which is what an untrained cross-attention passes on, and predicts the
picture's principal components. Captions are cut to 24 tokens, for speed; later positions, padding all, get the last one's embedding.
Without this start the U-Net sees twelve identical paddings for each word that matters, and learns what words mean only slowly.
"""

import argparse
import pathlib
import random

import torch
from transformers import CLIPTokenizer

import captions
import common
import networks
import train_diffusion

LENGTH = 24


def principal_components(latents: torch.Tensor, count: int) -> torch.Tensor:
    """[N, count]: each picture's coordinates, strong directions damped so that fine differences count too."""
    flat = latents.flatten(1) - latents.flatten(1).mean(0)
    left, strength, _ = torch.linalg.svd(flat, full_matrices=False)
    codes = left[:, :count] * strength[:count].sqrt()
    return codes / codes.square().mean().sqrt()


def work(rank: int, args: argparse.Namespace, both: torch.nn.ModuleDict, steps: torch.Tensor) -> None:
    device = common.pick_device()
    tokenizer = CLIPTokenizer.from_pretrained(args.tokenizer)
    data = train_diffusion.Batches(args.latents, tokenizer, device, args.tints, empty_share=0)
    codes = args.codes.to(device)
    optimiser = common.adamw(both, args.rate, 0.99, None)
    rng = random.Random(rank)
    budget = common.Budget(args.minutes)
    both.train()
    with common.log(args.out.with_suffix(".csv"), ["step", "seconds", "error"], rank) as row:
        total = torch.zeros(1, device=device)
        while not budget.over():
            chosen = data.choose(args.captions, rng)
            texts = [captions.training_caption(data.records[i], rng) for i in chosen]
            ids = tokenizer(texts, padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt").input_ids.to(device)
            predicted = both["head"](both["text"](ids).last_hidden_state.mean(1))
            loss = (predicted - codes[chosen]).square().mean()
            common.update(both, optimiser, loss, args.rate * budget.rate(int(steps.sum())))
            steps[rank] += 1
            total += loss.detach()
            if rank == 0 and steps[0] % 100 == 0:
                row(int(steps.sum()), round(budget.spent, 1), (total / 100).item())
                total.zero_()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latents", type=pathlib.Path, required=True)
    parser.add_argument("--tokenizer", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--workers", type=int, default=1, help="processes; without a GPU, the number of cores")
    parser.add_argument("--captions", type=int, default=32, help="captions a step and worker")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--tints", type=float, default=0.2, help="share of recoloured pictures")
    args = parser.parse_args()

    device = common.start(args.workers)
    tokenizer = CLIPTokenizer.from_pretrained(args.tokenizer)
    text = networks.build_text_encoder(tokenizer.get_vocab(), tokenizer.model_max_length)
    if earlier := common.load(args.out, device):
        text.load_state_dict(earlier)
    args.codes = principal_components(torch.load(args.latents, weights_only=True)["latents"], 96)
    both = torch.nn.ModuleDict({"text": text, "head": torch.nn.Linear(networks.WIDTH, args.codes.shape[1])}).to(device)
    common.launch(work, args, both)
    with torch.no_grad():
        positions = next(p for name, p in text.named_parameters() if name.endswith("position_embedding.weight"))
        positions[LENGTH:] = positions[LENGTH - 1]
    common.save(args.out, text.state_dict())


if __name__ == "__main__":
    main()
