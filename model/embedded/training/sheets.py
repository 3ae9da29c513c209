"""Sheets to look at: captions from training, and prompts that are in no caption.

    python sheets.py --model ../pictograms --out ../pictograms
"""

import argparse
import pathlib
import re

import captions
import draw

ASKED = [
    "a red apple", "a cat", "a dog", "a house", "a car", "a rocket", "a robot", "a crown", "a happy face", "a heart", "a tree", "the sun",
    "a pizza", "a guitar", "a fish", "a butterfly", "a ghost", "a rainbow", "an airplane", "a rose", "a bicycle", "a penguin", "a cup of coffee", "a book",
]
# In no caption: colours that training held back, pairs of things, and words it never met.
UNSEEN = [
    "a blue apple", "a purple banana", "a pink elephant", "a blue rose", "a red frog", "a green octopus", "a purple teapot", "a pink tree",
    "a robot with a crown", "a cat with sunglasses", "a dog and a cat", "two hearts and a star", "a snowman on a beach", "a fish in a bowl", "a pizza with a face",
    "a house on fire", "a rocket and the moon", "an apple tree", "a dragon with a guitar", "an angry cloud", "a flying pig", "a golden key on a red book",
    "a cute dinosaur in space", "a portrait of a queen",
]


def check_unseen(table: str) -> None:
    """That no caption of training says what an unseen prompt says: neither a concept's own, nor one in another colour."""
    plain = lambda text: re.sub(r"^(an?|the) ", "", re.sub(r", \w+ style$", "", text))
    known = {plain(caption) for caption in table.replace("\t", "\n").splitlines()}
    for prompt in UNSEEN:
        assert plain(prompt) not in known, prompt
        colour, _, thing = plain(prompt).partition(" ")
        assert colour not in captions.COLOURS or (colour, thing) in captions.HELD_OUT, prompt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()

    pipeline = draw.load_pipeline(args.model)
    check_unseen((args.model / "captions.tsv").read_text(encoding="utf-8"))
    for name, prompts, seeds in (("asked", ASKED, 3), ("unseen", UNSEEN, 3)):
        repeated = [prompt for prompt in prompts for _ in range(seeds)]
        pictures = draw.generate(pipeline, repeated, list(range(seeds)) * len(prompts))
        cells = [(prompt, pictures[i * seeds : (i + 1) * seeds]) for i, prompt in enumerate(prompts)]
        draw.sheet(cells, 6, args.out / f"{name}.png")


if __name__ == "__main__":
    main()
