#!/usr/bin/env python3
"""Writes tests/golden/text/prompts.json and prompt_states.safetensors: weighted prompts as weighted_prompts.py reads them, cuts them
into windows, and encodes them with a small CLIPTextModel.

Its weights are made by formula, as in make_encoder_golden.py, but for a shifted last bias: states of mean 0 have no mean that could be
restored. Deterministic:

    python tests/parity/text/make_prompt_goldens.py
"""

import json

import torch
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer
from transformers.utils import logging

import weighted_prompts
from make_encoder_golden import CONFIGS, GOLDEN, fill_parameters

FOLDERS = ["sd1", "saved_sd2"]  # tokenizers that pad with the end token, and with another
BIAS_SHIFT = 0.5

PROMPTS = [
    "",
    "normal text",
    "an (important) word",
    "a (red:1.3) apple",
    "a [pale] apple on (a [wooden] table:1.2)",
    "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky)))).",
    "(unnecessary)(parens), [[less]] and ([even])",
    r"\(literal\] and \[this\), a \: colon (back \\ slash:1.4) and a stray\x one",
    "(a:b:1.2) time 12:30, ratio: 4:3, [not: a weight]",
    "( spaces : 1.25 ) (plus:+1.5) (negative:-0.5) (zero:0) (short:.7) (point:2.)",
    "()()a()[]b(:1.2)",
    "ap(ple) (gre)en",
    "(Äpfel:1.1) 日本語 (🍎:0.9)\u00a0BREAK\u2003naïve",
    "a red apple BREAK a green house",
    "BREAK BREAK a house BREAK",
    "BREAKFAST, a_BREAK, BREAK_x, ÄBREAK, break, BREAK, BREAK.",
    "(red BREAK green:1.2) house [BREAK] the end",
    "the quick brown fox, " * 24,                         # a comma near each end
    "quick brown fox jumps over a lazy dog " * 24,        # no comma: cut between any two tokens
    "one, " + "the " * 70 + "and (then:1.3) some more of the same",  # the last comma is too far away
    " ".join(["the"] * 75),
    " ".join(["the"] * 74) + ", and",
    " ".join(["the"] * 75) + ", and",                    # the comma is the 76th token
    " ".join(["the"] * 55) + ", " + "the " * 30,        # the comma is the 56th: 19 tokens after it move
    " ".join(["the"] * 54) + ", " + "the " * 30,        # one further from the end: they stay
    "word, " * 37 + "(middle, of, the:1.2), " + "[pale], " * 40 + "BREAK " + "a (b:0.8), " * 60,
]

# Of PROMPTS, with the last layers skipped.
STATES = [(3, 0), (4, 0), (9, 0), (13, 0), (16, 1), (23, 2), (25, 1), (0, 0)]


def main():
    logging.set_verbosity_error()
    tokenizers = {name: CLIPTokenizer.from_pretrained(GOLDEN / name) for name in FOLDERS}
    cases = []
    for prompt in PROMPTS:
        pieces = weighted_prompts.parse(prompt)
        windows = {name: [dict(ids=ids, weights=weights) for ids, weights in weighted_prompts.windows(tokenizer, pieces)]
                   for name, tokenizer in tokenizers.items()}
        cases.append(dict(prompt=prompt, pieces=pieces, windows=windows))
    with open(GOLDEN / "prompts.json", "w", encoding="utf-8") as f:
        lines = ",\n".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases)
        f.write('{"cases": [\n' + lines + "\n]}\n")

    tokenizer = tokenizers["sd1"]
    config = CLIPTextConfig(vocab_size=len(tokenizer), max_position_embeddings=77, projection_dim=16, **CONFIGS["sd1"])
    model = CLIPTextModel(config).eval()
    fill_parameters(model)
    model.final_layer_norm.bias.data += BIAS_SHIFT
    tensors = {f"{number}.{skip}": weighted_prompts.states(tokenizer, model, PROMPTS[number], skip)[0].contiguous()
               for number, skip in STATES}
    save_file(tensors, GOLDEN / "prompt_states.safetensors", {"config": json.dumps(config.to_diff_dict())})


if __name__ == "__main__":
    main()
