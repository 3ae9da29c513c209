#!/usr/bin/env python3
"""Compares the C++ tokenizer of BERT with transformers' BertTokenizer, live: every code point of Unicode and random texts, with a vocabulary
of every character that can come out, so that a difference shows. Prints one line per folder; the exit code is 1 when a text differs.

    cmake --build build/release --target tokenize_lines
    python tests/parity/text/compare_bert_tokenizer.py --tool build/release/tests/model/text/tokenize_lines [--texts 20000]
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

from transformers import BertTokenizer

import bert_folders
import prompts

FOLDERS = {"lower": {}, "cased": dict(do_lower_case=False), "accents": dict(do_lower_case=True, strip_accents=False),
           "whole": dict(do_lower_case=False, strip_accents=True, tokenize_chinese_chars=False)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", required=True, type=pathlib.Path)
    parser.add_argument("--texts", type=int, default=20000)
    arguments = parser.parse_args()
    texts = prompts.HAND_WRITTEN + prompts.random_texts(arguments.texts, seed=9) + list(prompts.every_code_point())
    characters = [chr(c) for c in range(0x21, 0x110000) if not 0xD800 <= c <= 0xDFFF]
    tokens = bert_folders.SPECIAL + bert_folders.PIECES + characters + ["##" + c for c in characters]
    lines = "".join(text.encode("utf-8").hex() + "\n" for text in texts)
    wrong = 0
    with tempfile.TemporaryDirectory() as root:
        for name, options in FOLDERS.items():
            folder = f"{root}/{name}"
            bert_folders.write(folder, tokens, **options)
            tokenizer = BertTokenizer.from_pretrained(folder)
            output = subprocess.run([arguments.tool, folder], input=lines, capture_output=True, text=True, check=True).stdout
            ours = [json.loads(line)["tokens"] for line in output.splitlines()]
            theirs = [encoded[1:-1] for encoded in tokenizer(texts).input_ids]
            bad = [i for i in range(len(texts)) if ours[i] != theirs[i]]
            wrong += len(bad)
            print(f"{name}: {len(bad)} of {len(texts)} texts differ")
            for i in bad[:3]:
                print(f"  {texts[i]!r}\n    reference {tokenizer.convert_ids_to_tokens(theirs[i])}\n    latentd   "
                      f"{tokenizer.convert_ids_to_tokens(ours[i])}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
