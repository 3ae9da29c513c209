"""Texts on which the tokenizer is compared with the reference: written by hand, and random ones from a fixed seed."""

import random

HAND_WRITTEN = [
    "",
    " ",
    "a red apple",
    "A photo of an astronaut riding a horse on Mars, highly detailed, 4k!!",
    "It's the dog's; they're, we've, I'm, she'll, he'd, don't, O'Neil, rock 'n' roll",
    "IT'S THE DOG'S; THEY'RE, WE'VE, I'M, SHE'LL, HE'D",
    "''s '''re 'S 'x ' '",
    "1234567890 3.14159 1,000,000 ½ ⅷ ² ٣٤ 一二三",
    "mp3 h264 4x4 a1b2",
    "hello,world...???!!!",
    "(masterpiece:1.2), [[ugly]], {{best quality}} <lora:foo:0.8>",
    "snake_case CamelCase kebab-case path/to/file.png user@example.com #tag @you $9.99 50%",
    "tab\tnewline\nreturn\r\nform\x0cvertical\x0bend",
    "   many     spaces   ",
    "nbsp\u00a0ogham\u1680en\u2002thin\u2009line\u2028para\u2029narrow\u202fmath\u205fideographic\u3000next\u0085end",
    "zero\u200bwidth\u200cspace\u200djoin\u2060er\ufeffbom\u180emongolian",
    "\u0000 nul \u0001\u0002\u001f\u007f\u0080\u009f controls",
    "\u001c\u001d\u001e\u001f separators",
    "caf\u00e9 cafe\u0301 \u00c5 A\u030a \u212b \u1e9b\u0323 \u0344 \u0f73",
    "e\u0301\u0323 e\u0323\u0301 a\u0316\u0301\u0334 q\u0307\u0323 \u0301 alone",
    "\u1100\u1161\u11a8 \uac00\u11a8 \ud55c\uad6d\uc5b4 \u1112\u1161\u11ab",
    "日本語のテキスト と カタカナ 中文字符，标点。한국어",
    "ｆｕｌｌｗｉｄｔｈ ＡＢＣ１２３",
    "Привет, мир! ЁЖИК Ґ Ї",
    "Ελληνικά ΣΊΣΥΦΟΣ ὈΔΥΣΣΕΎΣ ς σ Σ",
    "İstanbul ISPARTA ı ﬀ ß ẞ ŉ ǰ ΐ Ǆ ǅ ǆ",
    "שלום עולם \u05e9\u05c1 مرحبا بالعالم لا إله \u200fRTL\u200e marks",
    "हिन्दी ไทย தமிழ் ខ្មែរ မြန်မာ አማርኛ ᏣᎳᎩ Ꭰ ꭰ",
    "😀 👩‍👩‍👧‍👦 👍🏽 🇩🇪 ❤️ ☃ ✈️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 1️⃣",
    "emoji😀between🎉words",
    "∀x∈ℝ: ⌈x⌉ = −⌊−x⌋, α∧¬β = ¬(¬α∨β), 𝒜𝓑𝕮𝟙 ℌ",
    "“quotes” ‘single’ «guillemets» — dash – en … ellipsis • bullet",
    "<|startoftext|>",
    "<|endoftext|>",
    "a<|endoftext|>b <|startoftext|>c<|endoftext|><|endoftext|>",
    "<|ENDOFTEXT|> <|EndOfText|>x <|STARTOFTEXT|>!",
    "<|endoftext |> <|endoftext <|endoftext| |endoftext|> <<|endoftext|>>",
    "!<|endoftext|>! !!<|startoftext|>'s e<|endoftext|>\u0301",
    "! !! a!b !\u0338",
    "a</w>b </w> <w>",
    "\u0149 \u0958 \u2126 \u1f71 \u2000 \ufb1d \U0001d15e \U0002f800 \ufa0e",
    "\u0340\u0341\u0343\u0374\u037e\u0387 composition exclusions \u0915\u093c \u09a1\u09bc",
    "young marks \u0898\u0301 a\u1abf\u0316 \U00011935\U00011930 \U00011938 \U0001e4ec",
    "young letters \u1c89\ua7cb\ua7da\ua7dc \U000105c0 \U00010d50\U00010d65 \U0002ebf0 \U00016ea0 \U00010d40",
    "\ud7b0 \ufffd \ufffe \uffff \ue000 \U0010ffff \U0001fffe \u0378 unassigned",
    "supercalifragilisticexpialidocious pneumonoultramicroscopicsilicovolcanoconiosis",
    "a" * 300,
    "ab" * 200 + " " + "xyz" * 100,
    "!" * 200,
    "7" * 120,
    "\u0301" * 90,
    "the quick brown fox jumps over the lazy dog " * 12,
    "a highly detailed portrait of a woman with flowers in her hair, " * 9 + "end",
    " ".join(["word"] * 75),
    " ".join(["word"] * 76),
    " ".join(["word"] * 74) + " 😀😀",
    "漢" * 40,
]

# Blocks from which random texts draw, so that every path of the clean-up and of the splitting is met often.
BLOCKS = [
    (0x20, 0x7E), (0x20, 0x7E), (0x61, 0x7A), (0x61, 0x7A), (0x41, 0x5A), (0x30, 0x39), (0x00, 0x1F), (0x80, 0xFF),
    (0x100, 0x24F), (0x250, 0x2FF), (0x300, 0x36F), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x52F), (0x531, 0x58A),
    (0x591, 0x5F4), (0x600, 0x6FF), (0x700, 0x8FF), (0x900, 0xDFF), (0xE00, 0xFFF), (0x1000, 0x10FF), (0x1100, 0x11FF),
    (0x1200, 0x17FF), (0x1800, 0x1CFF), (0x1D00, 0x1DFF), (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x218F),
    (0x2190, 0x27BF), (0x2C00, 0x2DFF), (0x3000, 0x30FF), (0x3130, 0x33FF), (0x4E00, 0x9FFF), (0xA000, 0xABFF),
    (0xAC00, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x10FFF), (0x11000, 0x11FFF), (0x12000, 0x16FFF), (0x1D000, 0x1DFFF),
    (0x1E000, 0x1EFFF), (0x1F000, 0x1FAFF), (0x20000, 0x323AF), (0xE0000, 0xE01EF),
]
PIECES = [" ", " ", " ", "  ", "\t", "\n", "\u00a0", "\u3000", "'s", "'re", "'LL", "'", "!", "<|endoftext|>",
          "<|startoftext|>", "<|EndOfText|>", "</w>", ",", ".", "the", "photo", "1", "é", "e\u0301", "İ", "Σ", "<cat-toy>",
          "<CAT-TOY>"]


def random_texts(count, seed=0, longest=24):
    """`count` texts of random pieces and characters. Surrogates are left out: they have no UTF-8."""
    source = random.Random(seed)
    texts = []
    for _ in range(count):
        blocks = [source.choice(BLOCKS) for _ in range(source.randint(1, 3))]
        text = ""
        for _ in range(source.randint(1, longest)):
            if source.random() < 0.3:
                text += source.choice(PIECES)
            else:
                c = source.randint(*source.choice(blocks))
                text += chr(c) if not 0xD800 <= c <= 0xDFFF else "?"
        texts.append(text)
    return texts


def every_code_point(per_text=64):
    """Every code point but surrogates, each after a letter and before two marks, so that it splits, lowers and composes."""
    for start in range(0, 0x110000, per_text):
        code_points = [c for c in range(start, start + per_text) if not 0xD800 <= c <= 0xDFFF]
        yield "".join("x" + chr(c) + "\u0301\u0323" for c in code_points)
