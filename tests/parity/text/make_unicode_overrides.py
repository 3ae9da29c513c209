#!/usr/bin/env python3
"""Writes model/text/unicode_overrides.cc: where the reference's Unicode tables differ from utf8proc's.

The `tokenizers` package takes letters, numbers and spaces from Oniguruma, lower case from Rust's standard library and
NFC from an old crate, each of another Unicode version. They are asked one code point at a time, utf8proc likewise, and
what differs is written down. Run with the environment of tests/parity/requirements.txt and libutf8proc installed:

    python tests/parity/text/make_unicode_overrides.py
"""

import ctypes
import pathlib

from tokenizers import Regex, normalizers

OUTPUT = pathlib.Path(__file__).resolve().parents[3] / "model/text/unicode_overrides.cc"
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]

utf8proc = ctypes.CDLL("libutf8proc.so.2")
utf8proc.utf8proc_unicode_version.restype = ctypes.c_char_p


class Property(ctypes.Structure):  # the beginning of utf8proc_property_t
    _fields_ = [("category", ctypes.c_int16), ("combining_class", ctypes.c_int16)]


utf8proc.utf8proc_get_property.restype = ctypes.POINTER(Property)

LETTERS = range(1, 6)  # UTF8PROC_CATEGORY_LU … LO
NUMBERS = range(9, 12)  # ND, NL, NO
SPACES = range(23, 26)  # ZS, ZL, ZP


def reference_class(pattern):
    """The code points that Oniguruma matches with `pattern`."""
    remove = normalizers.Replace(Regex(pattern), "")
    members = set()
    for start in range(0, 0x110000, 4096):
        block = [c for c in range(start, start + 4096) if not 0xD800 <= c <= 0xDFFF]
        kept = set(remove.normalize_str("".join(map(chr, block))))
        members |= {c for c in block if chr(c) not in kept}
    return members


def utf8proc_class(categories, extra=()):
    return {c for c in CODE_POINTS if utf8proc.utf8proc_category(c) in categories} | set(extra)


def nfc_barriers():
    """Code points that the reference's NFC leaves alone, although utf8proc knows them to reorder or to compose."""
    nfc = normalizers.NFC().normalize_str
    probes = {1: "\u0334", 220: "\u0316", 230: "\u0301", 240: "\u0345"}  # one old mark of each of four classes
    barriers = set()
    for c in CODE_POINTS:
        own = utf8proc.utf8proc_get_property(c).contents.combining_class
        if own:
            moves = False
            for other, mark in probes.items():
                for text in ("x" + mark + chr(c), "x" + chr(c) + mark):
                    moves = moves or nfc(text) != text
            if not moves:
                barriers.add(c)
        # Compositions that the reference does not make. UTF8PROC_STABLE | UTF8PROC_DECOMPOSE
        parts = (ctypes.c_int32 * 8)()
        count = utf8proc.utf8proc_decompose_char(c, parts, 8, (1 << 1) | (1 << 4), None)
        decomposed = "".join(map(chr, parts[:count]))
        if count > 1 and nfc(decomposed) != nfc(chr(c)):
            barriers |= {c, parts[count - 1]}
    return barriers


def ranges(code_points):
    result = []
    for c in sorted(code_points):
        if result and result[-1][1] == c - 1:
            result[-1][1] = c
        else:
            result.append([c, c])
    return result


def lower_ranges():
    """(first, last, distance) where the reference's lower case is one code point, other than utf8proc's."""
    lower = normalizers.Lowercase().normalize_str
    result = []
    for c in CODE_POINTS:
        mapped = lower(chr(c))
        if len(mapped) != 1:
            assert c == 0x130 and mapped == "i\u0307", hex(c)  # handled by the code
            continue
        if ord(mapped) == utf8proc.utf8proc_tolower(c):
            continue
        distance = ord(mapped) - c
        if result and result[-1][1] == c - 1 and result[-1][2] == distance:
            result[-1][1] = c
        else:
            result.append([c, c, distance])
    return result


def table(kind, name, rows):
    body = "".join("    {" + ", ".join(row) + "},\n" for row in rows)
    return f"constexpr {kind} {name}[] = {{\n{body}}};\n"


def main():
    letters, numbers, spaces = (reference_class(p) for p in (r"\p{L}", r"\p{N}", r"\s"))
    known_letters, known_numbers = utf8proc_class(LETTERS), utf8proc_class(NUMBERS)
    assert spaces == utf8proc_class(SPACES, [*range(0x9, 0xE), 0x85])
    assert known_letters <= letters and known_numbers <= numbers  # the reference is newer: it only adds
    pairs = lambda code_points: [[f"{a:#x}", f"{b:#x}"] for a, b in ranges(code_points)]
    version = utf8proc.utf8proc_unicode_version().decode()
    OUTPUT.write_text(
        "// Written by tests/parity/text/make_unicode_overrides.py: do not edit.\n"
        f"// Differences of tokenizers 0.23.3 from utf8proc's Unicode {version}.\n\n"
        '#include "model/text/unicode_overrides.h"\n\n'
        "namespace latentd::model {\nnamespace {\n\n"
        + table("CodePointRange", "kLetters", pairs(letters - known_letters)) + "\n"
        + table("CodePointRange", "kNumbers", pairs(numbers - known_numbers)) + "\n"
        + table("LowerCaseRange", "kLowerCase", [[f"{a:#x}", f"{b:#x}", str(d)] for a, b, d in lower_ranges()]) + "\n"
        + table("CodePointRange", "kNfcBarriers", pairs(nfc_barriers())) + "\n"
        "}  // namespace\n\n"
        "std::span<const CodePointRange> ExtraLetters() { return kLetters; }\n"
        "std::span<const CodePointRange> ExtraNumbers() { return kNumbers; }\n"
        "std::span<const LowerCaseRange> ExtraLowerCase() { return kLowerCase; }\n"
        "std::span<const CodePointRange> NfcBarriers() { return kNfcBarriers; }\n\n"
        "}  // namespace latentd::model\n")


if __name__ == "__main__":
    main()
