#!/usr/bin/env python3
"""Turns PyTorch checkpoints (.ckpt, .bin, .pt, .pth) into safetensors, which latentd reads.

    python deploy/convert.py model.ckpt                  writes model.safetensors beside it
    python deploy/convert.py path/to/diffusers-folder    every component's weights in a folder of diffusers' layout
    python deploy/convert.py model.ckpt --folder NAME    a whole model: the first latent diffusion models by class or text
    python deploy/convert.py bad-hands.pt                a textual-inversion embedding, of either style

Needs `pip install torch safetensors`. Only tensors are read (torch.load with weights_only=True), so that a hostile file
cannot run code. Nothing is overwritten: a file whose result exists is left out and named.
"""

import argparse
import json
import os
import pathlib
import re
import sys

import torch
from safetensors.torch import save_file

import ldm_checkpoint

SUFFIXES = (".ckpt", ".bin", ".pt", ".pth")


def tensors_of(file: pathlib.Path) -> dict[str, torch.Tensor]:
    """The file's tensors by name, contiguous and with memory of their own, as safetensors wants them."""
    # Early textual-inversion files hold a ParameterDict, which is a container and no more.
    with torch.serialization.safe_globals([torch.nn.ParameterDict]):
        content = torch.load(file, map_location="cpu", weights_only=True)
    step = None
    if isinstance(content, dict) and "string_to_param" in content:  # an embedding, as AUTOMATIC1111's web UI saves it
        content = embedding_of(content)
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):  # as PyTorch Lightning saves
        step = content.get("global_step")
        content = content["state_dict"]
    if not isinstance(content, dict):
        raise ValueError(f"holds {type(content).__name__} and not tensors by name")
    tensors = {name: value for name, value in content.items() if isinstance(value, torch.Tensor)}
    if not tensors:
        raise ValueError("holds no tensors")
    # By it alone the base of Stable Diffusion 2, which predicts noise, is told from the model that predicts the velocity.
    if isinstance(step, int) and any(name.startswith("model.diffusion_model.") for name in tensors):
        tensors.setdefault("global_step", torch.tensor(step))
    seen: set[int] = set()
    for name, value in tensors.items():
        memory = value.untyped_storage().data_ptr()
        tensors[name] = value.clone().contiguous() if memory in seen else value.contiguous()
        seen.add(memory)
    return tensors


def embedding_of(content: dict) -> dict[str, torch.Tensor]:
    """The vectors of an embedding in the style of AUTOMATIC1111's web UI, under the name that they have in its safetensors files."""
    params = dict(content["string_to_param"].items())
    if len(params) != 1:
        raise ValueError(f"holds {len(params)} embeddings instead of one")
    vectors = next(iter(params.values()))
    if not isinstance(vectors, torch.Tensor):
        raise ValueError(f"holds {type(vectors).__name__} and not an embedding's vectors")
    return {"emb_params": vectors.detach()}


def target_of(file: pathlib.Path) -> pathlib.Path:
    """pytorch_model-00001-of-00002.bin, transformers' name, becomes model-00001-of-00002.safetensors, as latentd looks for it."""
    return file.with_name(re.sub("^pytorch_model", "model", file.stem) + ".safetensors")


def convert(file: pathlib.Path) -> None:
    target = target_of(file)
    if target.exists():
        print(f"{file}: left out, {target} exists")
        return
    draft = target.with_suffix(".part")
    save_file(tensors_of(file), draft, metadata={"format": "pt"})
    os.replace(draft, target)
    print(f"{file} -> {target}")


def convert_to_folder(file: pathlib.Path, folder: pathlib.Path, options: argparse.Namespace) -> None:
    if folder.exists():
        raise ValueError(f"{folder} exists")
    tensors = tensors_of(file)
    kind = ldm_checkpoint.kind_of(tensors)
    if kind is None:
        raise ValueError("is none of the models that --folder is for: latent diffusion by class, or by text with its own transformer")
    for field in ("heads", "norm_groups", "sample_size"):
        if getattr(options, field) is not None:
            setattr(kind, field, getattr(options, field))
    ldm_checkpoint.write_folder(tensors, kind, folder, options.vocab)
    print(f"{file} -> {folder} ({kind.pipeline})")


def convert_index(file: pathlib.Path) -> None:
    """The list of a checkpoint's shards, with their new names."""
    target = file.with_name(target_of(file.with_name(file.name.removesuffix(".index.json"))).name + ".index.json")
    if target.exists():
        print(f"{file}: left out, {target} exists")
        return
    index = json.loads(file.read_text(encoding="utf-8"))
    index["weight_map"] = {name: target_of(pathlib.Path(shard)).name for name, shard in index["weight_map"].items()}
    target.write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    print(f"{file} -> {target}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=pathlib.Path, help="a checkpoint, or a model's folder")
    parser.add_argument("--folder", type=pathlib.Path, help="write a folder in diffusers' layout, as latentd serves it")
    parser.add_argument("--vocab", type=pathlib.Path, help="the tokenizer's vocab.txt, for models that draw from text")
    for name in ("heads", "norm-groups", "sample-size"):
        parser.add_argument(f"--{name}", type=int, help="of the U-Net, where it is not as in the authors' configuration")
    arguments = parser.parse_args()
    path = arguments.path
    if not path.exists():
        sys.exit(f"error: {path} does not exist")
    if arguments.folder:
        try:
            convert_to_folder(path, arguments.folder, arguments)
        except Exception as error:  # whatever is wrong with it, it is named
            sys.exit(f"error: {path}: {error}")
        return
    files = sorted(f for f in path.rglob("*") if f.suffix in SUFFIXES) if path.is_dir() else [path]
    indices = sorted(path.rglob("*.bin.index.json")) if path.is_dir() else []
    if not files:
        sys.exit(f"error: {path} holds no {', '.join(SUFFIXES)}")
    for file in files:
        try:
            convert(file)
        except Exception as error:  # whatever is wrong with this one, it is named
            sys.exit(f"error: {file}: {error}")
    for index in indices:
        convert_index(index)


if __name__ == "__main__":
    main()
