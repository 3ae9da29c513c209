#!/usr/bin/env python3
"""Compares the C++ tokenizer with transformers' CLIPTokenizer, live and over CLIP's full vocabulary.

The merges come from the PyPI wheel open_clip_torch (`pip download --no-deps open_clip_torch==3.3.0`), which carries CLIP's
own bpe_simple_vocab_16e6.txt.gz. Folders are written in every form in which tokenizers are found, and thousands of texts
are encoded in each by both; in one of them also every code point of Unicode. The vocabulary in the program is compared with the two folders that it
stands for. Prints one line per comparison; the exit code is 1 when a text differs.

    cmake --build build/release --target tokenize_lines
    python tests/parity/text/compare_tokenizer.py --wheel open_clip_torch-3.3.0-py3-none-any.whl \
        --tool build/release/tests/model/text/tokenize_lines [--texts 20000] [--seed 1]
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

from transformers import CLIPTokenizer
from transformers.utils import logging

import clip_folders
import prompts

WINDOW = 77
# Folders that the vocabulary in the program stands for, and its padding.
SHIPPED = {"sd1": "end", "sd2": "exclamation"}


def expected(tokenizer, text):
    """What diffusers' StableDiffusionPipeline.encode_prompt makes of a text."""
    ids = tokenizer(text, padding="max_length", max_length=WINDOW, truncation=True).input_ids
    whole = tokenizer(text).input_ids
    truncated = ""
    if len(whole) > WINDOW:
        truncated = tokenizer.batch_decode([whole[WINDOW - 1:-1]])[0]
    return {"ids": ids, "tokens": whole[1:-1], "truncated": truncated}


def compare(folder, tool, texts):
    """`tool`: the program and how it is to be called."""
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    tokenizer.model_max_length = WINDOW  # what the files leave open is 77 in C++
    lines = "".join(text.encode("utf-8").hex() + "\n" for text in texts)
    output = subprocess.run(tool, input=lines, capture_output=True, text=True, check=True).stdout
    actual = [json.loads(line) for line in output.splitlines()]
    assert len(actual) == len(texts)
    wrong = 0
    for text, mine in zip(texts, actual):
        theirs = expected(tokenizer, text)
        for key in theirs:
            if theirs[key] != mine[key]:
                wrong += 1
                if wrong <= 5:
                    print(f"  {text!r}: {key}\n    reference {theirs[key]}\n    latentd   {mine[key]}")
                break
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", required=True, type=pathlib.Path)
    parser.add_argument("--tool", required=True, type=pathlib.Path)
    parser.add_argument("--texts", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    logging.set_verbosity_error()  # it warns of every text over 77 tokens

    texts = prompts.HAND_WRITTEN + prompts.random_texts(arguments.texts, arguments.seed)
    texts += prompts.random_texts(arguments.texts // 50, arguments.seed + 1, longest=400)
    failed = 0
    with tempfile.TemporaryDirectory() as root:
        merges = clip_folders.full_merges(arguments.wheel)
        for name in clip_folders.write_all(pathlib.Path(root), merges):
            chosen = texts + (list(prompts.every_code_point()) if name == "sd2" else [])
            folder = str(pathlib.Path(root) / name)
            calls = {name: [folder]} | ({f"{name}, shipped": ["--shipped", SHIPPED[name]]} if name in SHIPPED else {})
            for label, call in calls.items():
                wrong = compare(folder, [arguments.tool, *call], chosen)
                print(f"{label:24} {len(chosen)} texts, {wrong} differ")
                failed += wrong
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
