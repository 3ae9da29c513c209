#!/usr/bin/env python3
"""Writes model/text/bert_unicode.cc: the classes of characters of the reference's BERT tokenizer.

The `tokenizers` package is asked one code point at a time. Run with the environment of tests/parity/requirements.txt:

    python tests/parity/text/make_bert_unicode.py && clang-format-14 -i model/text/bert_unicode.cc
"""

import pathlib

from tokenizers import normalizers, pre_tokenizers

OUTPUT = pathlib.Path(__file__).resolve().parents[3] / "model/text/bert_unicode.cc"
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
OFF = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)


def ranges(code_points):
    result = []
    for c in code_points:
        if result and result[-1][1] == c - 1:
            result[-1][1] = c
        else:
            result.append([c, c])
    return result


def table(name, code_points):
    return f"constexpr Range {name}[] = {{" + "".join(f"{{{a:#x}, {b:#x}}}, " for a, b in ranges(code_points)) + "};\n\n"


def main():
    clean = normalizers.BertNormalizer(**OFF | dict(clean_text=True))
    strip = normalizers.BertNormalizer(**OFF | dict(strip_accents=True))
    words = pre_tokenizers.BertPreTokenizer()
    control = [c for c in CODE_POINTS if clean.normalize_str("a" + chr(c) + "b") == "ab"]
    marks = [c for c in CODE_POINTS if strip.normalize_str(chr(c)) == ""]
    punctuation = [c for c in CODE_POINTS if len(words.pre_tokenize_str("a" + chr(c) + "b")) == 3]
    OUTPUT.write_text("""// Written by tests/parity/text/make_bert_unicode.py: do not edit.

#include "model/text/bert_unicode.h"

#include <algorithm>
#include <span>

namespace latentd::model {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

""" + table("kControls", control) + table("kPunctuation", punctuation) + table("kMarks", marks) + """
bool Holds(std::span<const Range> table, char32_t c) {
  const auto found =
      std::lower_bound(table.begin(), table.end(), c, [](const Range& range, char32_t x) { return range.last < x; });
  return found != table.end() && found->first <= c;
}

}  // namespace

bool IsBertControl(char32_t c) { return Holds(kControls, c); }
bool IsBertPunctuation(char32_t c) { return Holds(kPunctuation, c); }
bool IsNonspacingMark(char32_t c) { return Holds(kMarks, c); }

}  // namespace latentd::model
""")


if __name__ == "__main__":
    main()
