"""Files that must be refused, each with words of the refusal. Truncation and bit flips are the test's own."""

import struct
import zlib

from sources import GREY, PALETTE, RGB, chunk, extended, frame, picture_chunk, png, riff, saved, scene

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png_claiming(width, height, depth=8, color=RGB, data=b"\0" * 64):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    return SIGNATURE + head + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")


def bad_png():
    rows = [row.tobytes() for row in scene(8, 8)]
    good = png(8, 8, 8, RGB, rows)
    wrong_sum = bytearray(good)
    wrong_sum[good.index(b"IEND") - 5] ^= 1
    text_sum = bytearray(png(8, 8, 8, RGB, rows, chunk(b"tEXt", b"a\0b")))
    text_sum[text_sum.index(b"tEXt") + 5] ^= 1
    short = png(8, 8, 8, RGB, rows[:5])
    huge_chunk = SIGNATURE + chunk(b"IHDR", bytes(13), length=0x7FFFFFFF)
    return {
        "claims_60000x60000": (png_claiming(60000, 60000), "60000x60000"),
        "claims_4294967295": (png_claiming(2**32 - 1, 1), "4294967295x1"),
        "claims_2147483647_square": (png_claiming(2**31 - 1, 2**31 - 1), "2147483647x2147483647"),
        "claims_8000x4000_with_nothing": (png_claiming(8000, 4000), "too little data"),
        "no_pixels": (png_claiming(0, 8), "no pixels"),
        "wrong_checksum": (bytes(wrong_sum), "CRC error"),
        "wrong_checksum_of_a_text": (bytes(text_sum), "CRC error"),
        "rows_missing": (short, "cannot be decoded"),
        "chunk_longer_than_the_file": (huge_chunk, "cut off"),
        "no_header": (SIGNATURE + chunk(b"IDAT", b"x") + chunk(b"IEND", b""), "begin with its header"),
        "no_data": (SIGNATURE + good[8:33] + chunk(b"IEND", b""), "cannot be decoded"),
        "two_headers": (good[:33] + good[8:33] + good[33:], "cannot be decoded"),
        "no_palette": (png(4, 1, 8, PALETTE, [bytes(4)]), "cannot be decoded"),
        "color_outside_the_palette": (png(4, 1, 8, PALETTE, [b"\0\1\2\3"], chunk(b"PLTE", bytes(9))), "palette"),
        "depth_of_3": (png_claiming(8, 8, 3, GREY), "cannot be decoded"),
        "color_type_5": (png_claiming(8, 8, 8, 5), "cannot be decoded"),
        "signature_only": (SIGNATURE, "cut off"),
    }


def marker(code, data):
    return b"\xff" + bytes([code]) + struct.pack(">H", len(data) + 2) + data


def empty_scans(width, height, scans):
    """A progressive JPEG whose scans are all legal and nearly empty: one bit a block."""
    bits = lambda blocks: b"\0" * (blocks // 8) + bytes([0xFF >> blocks % 8])  # noqa: E731  (padded with ones)
    table = lambda kind: marker(0xC4, bytes([kind, 1] + [0] * 15 + [0]))  # noqa: E731  (one code, of one bit: zero)
    blocks = (width + 7) // 8 * ((height + 7) // 8)
    out = b"\xff\xd8" + marker(0xDB, b"\0" + b"\1" * 64) + table(0x00) + table(0x10)
    out += marker(0xC2, struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0")
    out += marker(0xDA, b"\1\1\0\0\0\0") + bits(blocks)
    bands = [(k, 13 - step) for k in range(1, 64) for step in range(14)]
    for k, low in bands[:scans]:
        high = 0 if low == 13 else low + 1
        out += marker(0xDA, bytes([1, 1, 0, k, k, high << 4 | low])) + bits(blocks)
    return out + b"\xff\xd9"


def bad_jpeg():
    good = saved(scene(37, 21), "JPEG", quality=80)
    progressive = saved(scene(37, 21), "JPEG", quality=80, progressive=True)
    frame_at, scan_at = good.index(b"\xff\xc0"), good.index(b"\xff\xda")

    def with_frame(**changes):
        out = bytearray(good)
        for offset, value in changes.values():
            out[frame_at + offset:frame_at + offset + len(value)] = value
        return bytes(out)

    scans = progressive.rindex(b"\xff\xda")
    return {
        "claims_65535x65535": (with_frame(size=(5, b"\xff" * 4)), "65535x65535"),
        "claims_9000x9000": (with_frame(size=(5, struct.pack(">HH", 9000, 9000))), "9000x9000"),
        "no_lines": (with_frame(size=(5, b"\0\0")), "no pixels"),
        "too_few_lines": (with_frame(size=(5, struct.pack(">H", 8))), "cannot be decoded"),
        "too_many_lines": (with_frame(size=(5, struct.pack(">H", 64))), "cannot be decoded"),
        "twelve_bits": (with_frame(precision=(4, b"\x0c")), "12 bits"),
        "two_channels": (with_frame(channels=(9, b"\2")), "2 channels"),
        "lossless": (with_frame(kind=(1, b"\xc3")), "Unsupported JPEG process"),
        "no_frame": (good[:frame_at] + good[scan_at:], "no frame header"),
        "no_tables": (b"\xff\xd8" + good[frame_at:frame_at + 19] + good[scan_at:], "cannot be decoded"),
        "no_scan": (good[:scan_at] + b"\xff\xd9", "before its picture begins"),
        "end_too_early": (good[:-60] + b"\xff\xd9", "premature end"),
        "end_missing": (good[:-2], "Premature end"),
        "zeros_amid_the_pixels": (good[:-90] + bytes(60) + good[-30:], "cannot be decoded"),
        "scan_twice": (progressive[:-2] + progressive[scans:], "cannot be decoded"),
        "empty_scans": (empty_scans(64, 64, 882), "too many scans"),
        "segment_without_length": (good[:2] + b"\xff\xe1\0\1" + good[2:], "without a length"),
        "start_only": (b"\xff\xd8\xff", "before its picture begins"),
    }


def bad_webp():
    lossy = saved(scene(37, 22), "WEBP", quality=70)
    lossless = saved(scene(37, 22), "WEBP", lossless=True)
    name, data = picture_chunk(scene(37, 22), quality=70)
    small = picture_chunk(scene(15, 9), lossless=True)
    loop = (b"ANIM", bytes(6))
    zeros = bytearray(lossless)
    zeros[60:160] = bytes(100)
    return {
        "canvas_of_16777216_squared": (extended(2, 2**24, 2**24, loop, frame(0, 0, 15, 9, small)), "16777216x16777216"),
        "claims_16383x16383": (lossy[:26] + b"\xff\x3f\xff\x3f" + lossy[30:], "16383x16383"),
        "canvas_of_another_size": (extended(0, 64, 64, (name, data)), "two sizes"),
        "frame_outside_the_canvas": (extended(2, 20, 20, loop, frame(8, 0, 15, 9, small)), "does not fit"),
        "frame_of_another_size": (extended(2, 37, 22, loop, frame(0, 0, 16, 9, small)), "two sizes"),
        "frame_without_picture": (extended(2, 37, 22, loop, (b"ANMF", bytes(16))), "no picture"),
        "animation_without_frames": (extended(2, 37, 22, loop), "no picture"),
        "no_picture": (riff((b"ABCD", b"1234")), "no picture"),
        "chunk_longer_than_the_file": (b"RIFF" + struct.pack("<I", 30) + b"WEBPVP8 " + struct.pack("<I", 2**32 - 1)
                                       + bytes(18), "cut off"),
        "file_longer_than_the_file": (lossy[:4] + struct.pack("<I", 2**32 - 1) + lossy[8:], "cut off"),
        "length_of_0": (lossy[:4] + bytes(4) + lossy[8:], "length is wrong"),
        "picture_cut_off_in_a_whole_file": (riff((name, data[:-40])), "cut off"),
        "damaged": (bytes(zeros), "cannot be decoded"),
        "broken_start": (lossy[:23] + b"\0\0\0" + lossy[26:], "damaged at its start"),
        "header_only": (b"RIFF\4\0\0\0WEBP", "cut off"),
    }


def other():
    return {"empty": (b"", "is empty"), "gif": (saved(scene(8, 8), "GIF"), "not a PNG, JPEG or WebP"),
            "bmp": (saved(scene(8, 8), "BMP"), "not a PNG, JPEG or WebP"),
            "text": (b"hello", "not a PNG, JPEG or WebP"),
            "jpeg_start": (b"\xff\xd8", "not a PNG, JPEG or WebP")}


def all_bad_files():
    for suffix, files in ((".png", bad_png()), (".jpg", bad_jpeg()), (".webp", bad_webp()), ("", other())):
        for name, (content, words) in files.items():
            yield name + suffix, content, words
