"""Writes tokenizer folders in the forms that checkpoints of different ages have."""

import gzip
import json
import zipfile

from transformers import CLIPTokenizer

FULL_MERGES = 49152 - 256 - 2  # as many as CLIP uses of the file


def full_merges(wheel):
    """CLIP's merges, out of the wheel of open_clip_torch."""
    with zipfile.ZipFile(wheel) as archive:
        text = gzip.decompress(archive.read("open_clip/bpe_simple_vocab_16e6.txt.gz")).decode("utf-8")
    return text.split("\n")[1:FULL_MERGES + 1]


def byte_characters():
    """GPT-2's way to write the 256 bytes, in the order of CLIP's vocabulary."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    other = [b for b in range(256) if b not in plain]
    return [chr(b) for b in plain] + [chr(256 + i) for i in range(len(other))]


def vocabulary(merges):
    tokens = byte_characters()
    tokens += [t + "</w>" for t in tokens]
    tokens += ["".join(m.split()) for m in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return {token: i for i, token in enumerate(tokens)}


def token(content, typed=False, **flags):
    value = {"content": content, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False, **flags}
    return {"__type": "AddedToken", **value} if typed else value


BOS, EOS = "<|startoftext|>", "<|endoftext|>"
CONFIG = {
    "add_prefix_space": False, "bos_token": token(BOS, True), "do_lower_case": True, "eos_token": token(EOS, True),
    "errors": "replace", "model_max_length": 77, "name_or_path": "openai/clip-vit-large-patch14", "pad_token": EOS,
    "special_tokens_map_file": "./special_tokens_map.json", "tokenizer_class": "CLIPTokenizer",
    "unk_token": token(EOS, True),
}
MAP = {"bos_token": token(BOS), "eos_token": token(EOS), "pad_token": EOS, "unk_token": token(EOS)}


def write(folder, merges, config=None, special_map=None, added=None):
    folder.mkdir()
    write_json(folder / "vocab.json", vocabulary(merges))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(m + "\n" for m in merges), encoding="utf-8")
    for name, content in (("tokenizer_config", config), ("special_tokens_map", special_map), ("added_tokens", added)):
        if content is not None:
            write_json(folder / (name + ".json"), content)


def write_json(file, content):
    file.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")


def write_all(root, merges):
    """Writes one folder per form below `root` and returns their names."""
    end = len(vocabulary(merges))
    write(root / "bare", merges)
    write(root / "sd1", merges, CONFIG, MAP)
    write(root / "sd2", merges, CONFIG, {**MAP, "pad_token": "!"})
    write(root / "config_only", merges, {**CONFIG, "pad_token": "!"})
    listed = {str(end - 2): token(BOS, special=True), str(end - 1): token(EOS, special=True)}
    write(root / "listed", merges, {**CONFIG, "bos_token": BOS, "eos_token": EOS, "unk_token": EOS,
                                    "added_tokens_decoder": listed})
    write(root / "listed_sd2", merges, {**CONFIG, "bos_token": BOS, "eos_token": EOS, "unk_token": EOS, "pad_token": "!",
                                        "added_tokens_decoder": {"0": token("!", normalized=False, special=True), **listed}})
    write(root / "inversion", merges, CONFIG, MAP, {"<cat-toy>": end, "<|raw|>": end + 1})
    # What transformers itself writes: tokenizer.json and tokenizer_config.json, and the first of them alone.
    for name, source in (("saved_sd1", "sd1"), ("saved_sd2", "sd2"), ("saved_inversion", "inversion")):
        CLIPTokenizer.from_pretrained(root / source).save_pretrained(root / name)
    CLIPTokenizer.from_pretrained(root / "sd2").save_pretrained(root / "json_alone")
    (root / "json_alone" / "tokenizer_config.json").unlink()
    # Merges as strings, as older versions wrote them.
    old = json.loads((root / "saved_sd1" / "tokenizer.json").read_text(encoding="utf-8"))
    old["model"]["merges"] = [" ".join(merge) for merge in old["model"]["merges"]]
    (root / "old_json").mkdir()
    write_json(root / "old_json" / "tokenizer.json", old)
    return sorted(folder.name for folder in root.iterdir())
