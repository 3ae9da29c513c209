"""Writes folders of BERT tokenizers, in the forms that checkpoints of different ages have."""

import json
import os
import zlib

from tokenizers import normalizers, pre_tokenizers
from transformers import BertTokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = ["the", "red", "apple", "house", "on", "an", "in", "photo", "word", "quick", "brown", "high", "##ly", "##ed", "##s", "##ing",
          "##er", "##use", "green", "##ar", "##or", "a", "hai", "hair", "with", "##le", "123", "##00", "ab", "##ab", "xyz"]


def words(texts):
    """The words of `texts`, cleaned up, as the reference sees them."""
    clean = normalizers.BertNormalizer()
    split = pre_tokenizers.BertPreTokenizer()
    return [word for text in texts for word, _ in split.pre_tokenize_str(clean.normalize_str(text))]


def vocabulary(texts, left_out=5):
    """Pieces, and the characters of `texts` at the beginning and inside of words, but for one in `left_out`."""
    first = sorted({word[0] for word in words(texts)})
    inside = sorted({"##" + c for word in words(texts) for c in word[1:]})
    kept = [piece for piece in first + inside if not left_out or zlib.crc32(piece.encode()) % left_out or len(piece) < 4 and piece.isascii()]
    return SPECIAL + PIECES + [piece for piece in kept if piece not in PIECES]


def write(folder, tokens, saved=False, **options):
    """vocab.txt as the first checkpoints have it, or what the current transformers saves."""
    os.makedirs(folder, exist_ok=True)
    if saved:
        BertTokenizer({token: i for i, token in enumerate(tokens)}, **options).save_pretrained(folder)
        return
    with open(f"{folder}/vocab.txt", "w", encoding="utf-8", newline="\n") as f:
        f.write("\n".join(tokens) + "\n")
    with open(f"{folder}/tokenizer_config.json", "w", encoding="utf-8") as f:
        json.dump(dict(do_lower_case=True, model_max_length=512, tokenizer_class="BertTokenizer", cls_token="[CLS]", mask_token="[MASK]",
                       pad_token="[PAD]", sep_token="[SEP]", unk_token="[UNK]", tokenize_chinese_chars=True, strip_accents=None,
                       do_basic_tokenize=True, never_split=None) | options, f)
    with open(f"{folder}/special_tokens_map.json", "w", encoding="utf-8") as f:
        json.dump(dict(cls_token="[CLS]", mask_token="[MASK]", pad_token="[PAD]", sep_token="[SEP]", unk_token="[UNK]"), f)
