"""The tokenizer of checkpoints of one file: CLIP's own vocabulary, as the program has it."""

import pathlib
import sys

from transformers import CLIPTokenizer

HERE = pathlib.Path(__file__).parent
sys.path.append(str(HERE.parent / "weights"))
sys.path.append(str(HERE.parent / "text"))
import clip_folders  # noqa: E402

MERGES = HERE.parents[2] / "model/text/clip_vocabulary/merges.txt"


def tokenizer(folder, pad):
    """`folder` is made. `pad`: the token that fills a window."""
    merges = MERGES.read_text(encoding="utf-8").splitlines()[1:]
    clip_folders.write(pathlib.Path(folder), merges, clip_folders.CONFIG, clip_folders.MAP | {"pad_token": pad})
    return CLIPTokenizer.from_pretrained(folder)
