#!/usr/bin/env python3
"""Writes tests/golden/text/: three small tokenizers, and what transformers' CLIPTokenizer makes of many texts with them.

The vocabulary is CLIP's with its first 600 merges, out of the wheel of open_clip_torch (see compare_tokenizer.py, which
compares over the full vocabulary). Deterministic:

    python tests/parity/text/make_tokenizer_golden.py --wheel open_clip_torch-3.3.0-py3-none-any.whl
"""

import argparse
import pathlib
import shutil
import tempfile

import numpy
from safetensors.numpy import save_file
from transformers import CLIPTokenizer
from transformers.utils import logging

import clip_folders
import prompts
from compare_tokenizer import expected

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "golden/text"
MERGES = 600
# name of the form -> how many random texts
FOLDERS = {"sd1": 2000, "saved_sd2": 300, "inversion": 300}


def packed(name, items, dtype):
    """A list of lists as one array and the ends of its parts."""
    flat = [value for item in items for value in item]
    ends = numpy.cumsum([len(item) for item in items])
    return {name: numpy.array(flat, dtype), name + ".ends": ends.astype(numpy.int32)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    logging.set_verbosity_error()
    texts = prompts.HAND_WRITTEN + prompts.random_texts(max(FOLDERS.values()), longest=10)
    arrays = packed("texts", [text.encode() for text in texts], numpy.uint8)
    with tempfile.TemporaryDirectory() as root:
        root = pathlib.Path(root) / "folders"
        root.mkdir()
        clip_folders.write_all(root, clip_folders.full_merges(arguments.wheel)[:MERGES])
        for name, count in FOLDERS.items():
            shutil.rmtree(GOLDEN / name, ignore_errors=True)
            shutil.copytree(root / name, GOLDEN / name)
            tokenizer = CLIPTokenizer.from_pretrained(GOLDEN / name)
            results = [expected(tokenizer, text) for text in texts[:len(prompts.HAND_WRITTEN) + count]]
            arrays |= packed(name + ".tokens", [r["tokens"] for r in results], numpy.int16)
            whole = results[:len(prompts.HAND_WRITTEN)]
            arrays |= packed(name + ".windows", [r["ids"] for r in whole], numpy.int16)
            arrays |= packed(name + ".truncated", [r["truncated"].encode() for r in whole], numpy.uint8)
    save_file(arrays, GOLDEN / "tokens.safetensors")


if __name__ == "__main__":
    main()
