#!/usr/bin/env python3
"""Writes the seeds of the fuzzers: tests/fuzz/corpus/{safetensors,tokenizer,weighted_prompt,form}/. Deterministic, standard library only.

    python tests/fuzz/make_corpus.py
"""

import json
import pathlib
import struct

CORPUS = pathlib.Path(__file__).parent / "corpus"


def safetensors(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


one = {"a": tensor("F32", [2], 0, 8)}
SAFETENSORS = {
    "empty": b"",
    "no_tensors": safetensors({}),
    "one": safetensors(one, bytes(8)),
    "padded": safetensors(json.dumps(one).encode() + b"     ", bytes(8)),
    "metadata": safetensors({"__metadata__": {"format": "pt"}, **one}, bytes(8)),
    "all_types": safetensors({d: tensor(d, [1], 8 * i, 8 * i + 8) for i, d in enumerate(["I64", "F64"])}, bytes(16)),
    "mixed": safetensors({"b": tensor("BF16", [3], 4, 10), "a": tensor("F16", [1, 2], 0, 4), "c": tensor("U8", [], 10, 11),
                          "d": tensor("BOOL", [0, 5], 11, 11), "e": tensor("I32", [1], 11, 15)}, bytes(15)),
    "truncated": safetensors(one, bytes(5)),
    "hole": safetensors({"a": tensor("U8", [1], 0, 1), "b": tensor("U8", [1], 2, 3)}, bytes(3)),
    "overlap": safetensors({"a": tensor("U8", [2], 0, 2), "b": tensor("U8", [2], 1, 3)}, bytes(3)),
    "reversed": safetensors({"a": tensor("U8", [1], 2, 1)}, bytes(2)),
    "overflow": safetensors({"a": tensor("F64", [2**61, 8], 0, 0)}),
    "overflow_zero": safetensors({"a": tensor("F64", [0, 2**62, 2**62], 0, 0)}),
    "negative": safetensors({"a": tensor("U8", [-1], 0, 1)}, bytes(1)),
    "huge_offsets": safetensors({"a": tensor("U8", [1], 2**64 - 1, 2**64 - 1)}, bytes(1)),
    "long_header": safetensors({}, b"", length=2**63),
    "over_limit": safetensors({}, b"", length=100_000_001),
    "unknown_type": safetensors({"a": tensor("F8_E4M3", [1], 0, 1)}, bytes(1)),
    "twice": safetensors(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],'
                         b'"data_offsets":[0,1]}}', bytes(1)),
    "nested": safetensors(b'{"a":' + b"[" * 60),
    "not_json": safetensors(b"{nonsense"),
    "bad_utf8": safetensors(b'{"\xff":1}'),
}

TOKENIZER = {
    "empty": "",
    "plain": "a red apple on a wooden table, 4k",
    "contractions": "it's we've don't ''s 'LL",
    "special": "<|endoftext|>a<|startoftext|><|EndOfText|>!</w>",
    "spaces": " \t\r\n\u00a0\u1680\u2003\u2028\u3000\u0085x",
    "marks": "e\u0301\u0323 q\u0307\u0323 \u0344\u0345\u093c a\u0898\u0301\U00011935\U00011930",
    "hangul": "\u1112\u1161\u11ab\uac00\u11a8 한국어",
    "scripts": "Привет Ελλάς שלום مرحبا हिन्दी ไทย 日本語",
    "case": "İIıẞßΣςǅ\ua7cb\U00010d50",
    "emoji": "👩‍👩‍👧 👍🏽 🇩🇪 1️⃣ ❤️",
    "numbers": "123 ½ ² Ⅷ ٣",
    "control": "\0\x01\x1c\x7f\u200b\u2060\ufeff",
    "long": "word " * 90,
    "long_word": "ab" * 120,
    "exclamations": "!" * 90,
}
INVALID = {"overlong": b"\xc0\xaf\xe0\x80\xaf", "surrogate": b"a\xed\xa0\x80b", "cut": b"caf\xc3", "bytes": bytes(range(256))}

WEIGHTED_PROMPT = {
    "empty": "",
    "plain": "a red apple on a wooden table, 4k",
    "weights": "a (red:1.3) apple, [pale] (((sky))) (a [b (c:0.5) d] e:1.2)",
    "escapes": "\\(a\\) \\[b\\] \\: \\\\ \\x \\",
    "numbers": "(a:+1.5)(b: -.5 )(c:2.)(d:0)(e:10)(f:1e1)",
    "too_large": "(a:99999999999999999999999999999999999)",
    "product": "((a:9):9)",
    "colons": "4:3 (a:b:1.1) [x:y] (at 12\\:30) :::",
    "not_a_number": "(word:abc)",
    "square_number": "[cat:dog:0.5]",
    "breaks": "BREAK a BREAK (b BREAK c:1.2) BREAKFAST xBREAK BREAK.",
    "open": "a (b [c",
    "closed": "a) b] c",
    "crossed": "(a [b) c]",
    "deep": "((((((((((" * 9,
    "nested": "([" * 16 + "a" + "])" * 16,
    "commas": "quick fox, " * 40 + "and no more of them " * 20,
    "special": "(<|endoftext|>:1.1) <\\|endoftext|> <|startoftext|>",
    "unicode": "(Äpfel:1.1) 日本語\u00a0BREAK\u2003(🍎:0.9)",
}


def form(*parts, kind="multipart/form-data; boundary=b", end="--b--\r\n"):
    """Parts are (headers, content); a name alone stands for the usual header."""
    named = ((f'Content-Disposition: form-data; name="{head}"' if ":" not in head else head, data) for head, data in parts)
    return "".join([kind, "\n", *(f"--b\r\n{head}\r\n\r\n{data}\r\n" for head, data in named), end]).encode()


WISH = (("model", "pictograms"), ("prompt", "a cat"))
FILE = ('Content-Disposition: form-data; name="image"; filename="a.png"\r\nContent-Type: image/png', "\0PNG\r\n--\r\n-b")
FORM = {
    "empty": b"",
    "no_parts": form(),
    "edit": form(*WISH, FILE),
    "all": form(*WISH, ("image[]", "x"), ("mask", "y"), ("n", "3"), ("size", "64x48"), ("seed", "7"), ("stream", "false"),
                ("output_format", "webp"), ("output_compression", "50"), ("partial_images", "0"), ("user", "me")),
    "stream": form(*WISH, FILE, ("stream", "true"), ("partial_images", "2")),
    "two_images": form(*WISH, FILE, FILE),
    "twice": form(*WISH, *WISH, FILE),
    "unknown": form(*WISH, FILE, ("svg[model]", "x"), ("style", "vivid")),
    "numbers": form(*WISH, FILE, ("n", "-0"), ("seed", "9223372036854775808"), ("size", "0x0")),
    "bad_utf8": form(*WISH, FILE).replace(b"a cat", b"\xff\xfe"),
    "quoted": form(('Content-Disposition: form-data; name="a\\"b"', ""), kind='multipart/form-data; boundary="b"'),
    "token": form(("Content-Disposition: form-data; name=n", "1"), kind="multipart/form-data;boundary=b; charset=utf-8"),
    "encoded": form(("Content-Transfer-Encoding: base64\r\nContent-Disposition: form-data; name=n", "MQ==")),
    "no_end": form(*WISH, FILE, end=""),
    "more": form(*WISH, end="--b--\r\nmore"),
    "header_of_5000": form(("X: " + "y" * 5000, "1")),
    "parts_65": form(*[("n", "1")] * 65),
    "json": b'application/json\n{"model": "pictograms", "prompt": "a cat", "n": 2, "size": "auto", "stream": true}',
    "json_twice": b'application/json\n{"n": 1, "n": 2, "x": {"n": 1, "n": null}}',
    "json_deep": b"application/json\n" + b'{"a":[' * 60,
}


def main():
    for topic, files in (("safetensors", SAFETENSORS),
                         ("tokenizer", {**{k: v.encode() for k, v in TOKENIZER.items()}, **INVALID}),
                         ("weighted_prompt", {**{k: v.encode() for k, v in WEIGHTED_PROMPT.items()}, **INVALID}),
                         ("form", FORM)):
        folder = CORPUS / topic
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
