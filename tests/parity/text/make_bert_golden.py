#!/usr/bin/env python3
"""Writes tests/golden/text/bert*: small BERT tokenizers, what transformers' BertTokenizer makes of many texts with them, and what
diffusers' LDMBertModel makes of ids.

Weights are made by formula on both sides (see ../networks/make_goldens.py). Deterministic:

    python tests/parity/text/make_bert_golden.py
"""

import json
import pathlib
import shutil
import sys

import numpy
import torch
from diffusers.pipelines.latent_diffusion.pipeline_latent_diffusion import LDMBertConfig, LDMBertModel
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_tensors
from transformers import BertTokenizer

import bert_folders
import prompts
from make_tokenizer_golden import packed

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "networks"))
from make_goldens import fill_parameters, uniform  # noqa: E402

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "golden/text"
WINDOW = 77
TEXTS = prompts.HAND_WRITTEN + [
    "[CLS] [SEP]x[MASK] [unk] [UNK]y[PAD]", "[ CLS ] [[SEP]]", "x" * 100 + " " + "y" * 101, "unaffable éclairé",
    "\u1d165 \U0001d15e\U0001d165 \u0344", "## ##a #", "a\u0301\u0323b \u1e69\u0307",
] + prompts.random_texts(1000, seed=3, longest=10)
# name -> options of the folder
FOLDERS = {"bert": {}, "bert_cased": dict(do_lower_case=False), "bert_saved": dict(saved=True, tokenize_chinese_chars=False, strip_accents=False)}


def make_tokenizers():
    arrays = packed("texts", [text.encode() for text in TEXTS], numpy.uint8)
    tokens = bert_folders.vocabulary(prompts.HAND_WRITTEN + TEXTS[-200:])
    for name, options in FOLDERS.items():
        shutil.rmtree(GOLDEN / name, ignore_errors=True)
        bert_folders.write(str(GOLDEN / name), tokens, **options)
        tokenizer = BertTokenizer.from_pretrained(GOLDEN / name)
        whole = [tokenizer(text).input_ids[1:-1] for text in TEXTS]
        windows = [tokenizer(text, padding="max_length", max_length=WINDOW, truncation=True).input_ids for text in prompts.HAND_WRITTEN]
        arrays |= packed(name + ".tokens", whole, numpy.int16) | packed(name + ".windows", windows, numpy.int16)
        unknown = sum(ids.count(1) for ids in whole) / sum(map(len, whole))
        print(f"{name}: {len(tokens)} tokens, {unknown:.0%} of those in the texts unknown")
    save_file(arrays, GOLDEN / "bert_tokens.safetensors")


def make_encoder():
    config = dict(vocab_size=96, max_position_embeddings=77, encoder_layers=3, encoder_ffn_dim=80, encoder_attention_heads=3, head_dim=10, d_model=24)
    model = LDMBertModel(LDMBertConfig(**config)).eval()
    fill_parameters(model)
    ids = torch.from_numpy((uniform("ids", 3 * 77) * 0.5 + 0.5) * 96).long().view(3, 77)
    with torch.no_grad():
        out = model(ids)[0]
    print(f"encoder: deviation {out.std():.2f}")
    save_tensors({"ids": ids, "out": out.contiguous()}, GOLDEN / "ldm_bert.safetensors", {"config": json.dumps(config)})


if __name__ == "__main__":
    make_tokenizers()
    make_encoder()
