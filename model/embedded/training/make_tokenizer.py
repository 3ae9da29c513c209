"""CLIP's tokenizer with the first few thousand of CLIP's own merges: a vocabulary that fits a small model.

    python make_tokenizer.py --out export/tokenizer

The merges are those of the MIT-licensed package open_clip_torch. Ids keep CLIP's order: bytes, bytes that end a word,
merges, then the two special tokens.
"""

import argparse
import gzip
import importlib.util
import json
import pathlib

MERGES = 3000
LENGTH = 77
BOS, EOS = "<|startoftext|>", "<|endoftext|>"


def byte_characters() -> list[str]:
    """CLIP's printable stand-in for each byte, in its order."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(256 - len(printable))]


def read_merges(count: int) -> list[str]:
    package = pathlib.Path(importlib.util.find_spec("open_clip").origin).parent
    with gzip.open(package / "bpe_simple_vocab_16e6.txt.gz", "rt", encoding="utf-8") as file:
        return file.read().split("\n")[1 : count + 1]


def write(folder: pathlib.Path, merges: list[str]) -> dict[str, int]:
    symbols = byte_characters()
    words = symbols + [s + "</w>" for s in symbols] + ["".join(m.split()) for m in merges] + [BOS, EOS]
    vocabulary = {word: index for index, word in enumerate(words)}
    assert len(vocabulary) == len(words)
    folder.mkdir(parents=True, exist_ok=True)
    special = {"bos_token": BOS, "eos_token": EOS, "pad_token": EOS, "unk_token": EOS}
    config = {
        **special, "add_prefix_space": False, "clean_up_tokenization_spaces": True, "do_lower_case": True, "errors": "replace",
        "model_max_length": LENGTH, "tokenizer_class": "CLIPTokenizer",
    }
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=2) + "\n", encoding="utf-8")
    return vocabulary


def encode_plainly(text: str, vocabulary: dict[str, int], merges: list[str]) -> list[int]:
    """Byte-pair encoding as in the paper, for words split at spaces: an independent check of what was written."""
    ranks = {tuple(m.split()): i for i, m in enumerate(merges)}
    stand_in = dict(zip([*range(33, 127), *range(161, 173), *range(174, 256)], byte_characters()))
    ids = [vocabulary[BOS]]
    for word in text.lower().replace(",", " , ").replace("-", " - ").split():
        parts = [stand_in[b] for b in word.encode("utf-8")]
        parts[-1] += "</w>"
        while True:
            known = [(ranks[pair], i) for i, pair in enumerate(zip(parts, parts[1:])) if pair in ranks]
            if not known:
                break
            _, at = min(known)
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        ids += [vocabulary[part] for part in parts]
    return ids + [vocabulary[EOS]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    merges = read_merges(MERGES)
    vocabulary = write(args.out, merges)

    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(args.out)
    for text in ("a red apple", "a red apple, flat style", "An extraordinary hippopotamus", "t-rex, noto style", "piñata crème", ""):
        expected = encode_plainly(text, vocabulary, merges)
        assert tokenizer(text)["input_ids"] == expected, (text, tokenizer(text)["input_ids"], expected)
        padded = tokenizer(text, padding="max_length", max_length=LENGTH, truncation=True)["input_ids"]
        assert padded == expected + [vocabulary[EOS]] * (LENGTH - len(expected))
    print(f"{len(vocabulary)} tokens -> {args.out}; transformers agrees with a plain byte-pair encoder")


if __name__ == "__main__":
    main()
