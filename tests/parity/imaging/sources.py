"""The files of make_goldens.py: every kind of PNG, JPEG and WebP that a caller may send."""

import io
import struct
import zlib

import numpy as np
from PIL import Image


def noise(seed, *shape, dtype=np.uint8):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def scene(width, height):
    """Gradients, a disc and a little noise: what codecs for photographs keep, with edges that show a wrong filter."""
    y, x = np.mgrid[0:height, 0:width]
    disc = ((x - 0.6 * width) ** 2 + (y - 0.4 * height) ** 2 < (0.3 * min(width, height)) ** 2) * 90
    blue = 60 + 100 * (x + y) / (width + height)
    rgb = np.stack([40 + 150 * x / width + disc, 200 - 150 * y / height - disc, blue], -1)
    return np.clip(rgb + noise(1, height, width, 3) % 9, 0, 255).astype(np.uint8)


def saved(image, kind, **options):
    stream = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(stream, kind, **options)
    return stream.getvalue()


# PNG ------------------------------------------------------------------------------------------------------------------

def chunk(kind, data, length=None):
    length = len(data) if length is None else length
    return struct.pack(">I", length) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, color, rows, before=b"", after=b""):
    """A PNG of rows of bytes, unfiltered, with chunks before and after its pixels."""
    data = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows), 9)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + before + chunk(b"IDAT", data) + after + chunk(b"IEND", b"")


def packed(values, depth):
    """Rows of values of 1, 2 or 4 bits."""
    rows = []
    for row in values:
        bits = "".join(format(int(v), f"0{depth}b") for v in row)
        bits += "0" * (-len(bits) % 8)
        rows.append(int(bits, 2).to_bytes(len(bits) // 8, "big"))
    return rows


GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="8"/></x:xmpmeta>'


def exif(orientation, endian=">", kind=3):
    mark = b"MM\0\x2a" if endian == ">" else b"II\x2a\0"
    value = struct.pack(endian + ("HH" if kind == 3 else "I"), *((orientation, 0) if kind == 3 else (orientation,)))
    make = struct.pack(endian + "HHI4s", 0x010F, 2, 4, b"cam\0")
    entry = struct.pack(endian + "HHI", 0x0112, kind, 1) + value
    return mark + struct.pack(endian + "IH", 8, 2) + make + entry + bytes(4)


def png_files():
    w, h = 23, 14
    be16 = lambda *shape: noise(16, *shape, dtype=np.uint16).astype(">u2")
    files = {"rgb": saved(scene(w, h), "PNG"), "rgba": saved(noise(2, h, w, 4), "PNG"),
             "grey": saved(noise(3, h, w), "PNG"), "grey_alpha": saved(Image.fromarray(noise(4, h, w, 2), "LA"), "PNG")}
    for depth in (1, 2, 4):
        values = noise(depth, h, w) % 2**depth
        files[f"grey{depth}"] = png(w, h, depth, GREY, packed(values, depth))
        colors = noise(5, 2**depth, 3).tobytes()
        files[f"palette{depth}"] = png(w, h, depth, PALETTE, packed(values, depth), chunk(b"PLTE", colors))
    colors = chunk(b"PLTE", noise(6, 200, 3).tobytes())
    index = noise(7, h, w) % 200
    files["palette8"] = png(w, h, 8, PALETTE, index, colors)
    files["palette8_transparent"] = png(w, h, 8, PALETTE, index, colors + chunk(b"tRNS", noise(8, 90).tobytes()))
    files["grey_transparent"] = png(w, h, 8, GREY, noise(9, h, w), chunk(b"tRNS", b"\0\x10"))
    files["rgb_transparent"] = png(w, h, 8, RGB, noise(9, h, w * 3), chunk(b"tRNS", b"\0\x10\0\x20\0\x30"))
    small = be16(h, w)
    small[::2] %= 300
    files["grey16"] = png(w, h, 16, GREY, [row.tobytes() for row in small])
    files["grey_alpha16"] = png(w, h, 16, GREY_ALPHA, [row.tobytes() for row in be16(h, w, 2)])
    files["rgb16"] = png(w, h, 16, RGB, [row.tobytes() for row in be16(h, w, 3)])
    files["rgba16"] = png(w, h, 16, RGBA, [row.tobytes() for row in be16(h, w, 4)])
    files["dot"] = saved(noise(10, 1, 1, 3), "PNG")
    rows = [row.tobytes() for row in scene(w, h)]
    files["gamma"] = png(w, h, 8, RGB, rows, chunk(b"gAMA", struct.pack(">I", 100000)) + chunk(b"sRGB", b"\0"))
    files["profile"] = saved(scene(w, h), "PNG", icc_profile=bytes(range(256)) * 4)
    files["exif6"] = png(w, h, 8, RGB, rows, chunk(b"eXIf", exif(6)))
    files["exif5_after_pixels"] = png(w, h, 8, RGB, rows, b"", chunk(b"eXIf", exif(5, "<")))
    files["xmp8"] = png(w, h, 8, RGB, rows, chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP))
    files["exif3_beats_xmp"] = png(w, h, 8, RGB, rows, chunk(b"eXIf", exif(3))
                                   + chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP))
    files["interlaced"] = interlaced(scene(w, h))
    frames = [Image.fromarray(scene(w, h)), Image.fromarray(noise(11, h, w, 3))]
    files["animated"] = saved(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=100)
    return files


def interlaced(rgb):
    """Adam7, which Pillow reads but does not write."""
    raw = b""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    for x0, y0, dx, dy in passes:
        raw += b"".join(b"\0" + row.tobytes() for row in rgb[y0::dy, x0::dx])
    head = struct.pack(">IIBBBBB", rgb.shape[1], rgb.shape[0], 8, RGB, 0, 0, 1)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b""))


# JPEG -----------------------------------------------------------------------------------------------------------------

def jpeg_files():
    w, h = 37, 21
    rgb = Image.fromarray(scene(w, h))
    files = {f"subsampling{i}": saved(rgb, "JPEG", quality=80, subsampling=i) for i in range(3)}
    files["grey"] = saved(rgb.convert("L"), "JPEG", quality=80)
    files["progressive"] = saved(rgb, "JPEG", quality=70, progressive=True)
    files["restarts"] = saved(rgb, "JPEG", quality=80, restart_marker_blocks=2)
    files["rgb"] = saved(rgb, "JPEG", quality=90, keep_rgb=True)
    files["cmyk"] = saved(Image.fromarray(noise(12, h, w, 4) // 3 + 80, "CMYK"), "JPEG", quality=90)
    files["dot"] = saved(rgb.resize((1, 1)), "JPEG")
    files["noise"] = saved(noise(13, h, w, 3), "JPEG", quality=50)
    for i in range(1, 9):
        files[f"exif{i}"] = saved(rgb, "JPEG", quality=60, exif=b"Exif\0\0" + exif(i, "<>"[i % 2], 4 if i == 4 else 3))
    files["exif9"] = saved(rgb, "JPEG", quality=60, exif=b"Exif\0\0" + exif(9))
    files["exif_cut"] = saved(rgb, "JPEG", quality=60, exif=b"Exif\0\0" + exif(6)[:16])
    files["xmp8"] = saved(rgb, "JPEG", quality=60, xmp=XMP)
    plain = files["subsampling0"]
    files["padded"] = plain[:2] + b"\xff\xff\xff" + plain[3:-2] + b"\0\0" + plain[-2:] + b"after the end"
    return files


# WebP -----------------------------------------------------------------------------------------------------------------

def riff(*chunks):
    body = b"WEBP" + b"".join(name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
                              for name, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def u24(value):
    return struct.pack("<I", value)[:3]


def extended(flags, width, height, *chunks):
    return riff((b"VP8X", bytes([flags, 0, 0, 0]) + u24(width - 1) + u24(height - 1)), *chunks)


def picture_chunk(image, **options):
    """The first chunk of a simple file, and its name."""
    data = saved(image, "WEBP", **options)
    return data[12:16], data[20:20 + struct.unpack("<I", data[16:20])[0]]


def frame(x, y, width, height, chunk_of_picture):
    name, data = chunk_of_picture
    return b"ANMF", (u24(x // 2) + u24(y // 2) + u24(width - 1) + u24(height - 1) + u24(100) + b"\0" + name
                     + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2))


def webp_files():
    w, h = 37, 22
    rgb = Image.fromarray(scene(w, h))
    rgba = Image.fromarray(np.dstack([scene(w, h), noise(14, h, w)]))
    files = {"lossy": saved(rgb, "WEBP", quality=70), "lossy_fine": saved(rgb, "WEBP", quality=100),
             "lossless": saved(rgb, "WEBP", lossless=True), "alpha": saved(rgba, "WEBP", quality=80),
             "alpha_lossless": saved(rgba, "WEBP", lossless=True, exact=True),
             "dot": saved(rgb.resize((1, 1)), "WEBP", lossless=True),
             "exif6": saved(rgb, "WEBP", quality=70, exif=exif(6)),
             "exif7_named": saved(rgb, "WEBP", quality=70, exif=b"Exif\0\0" + exif(7, "<")),
             "xmp8": saved(rgb, "WEBP", lossless=True, xmp=XMP),
             "profile": saved(rgb, "WEBP", quality=70, icc_profile=bytes(range(256)))}
    small = Image.fromarray(scene(15, 9))
    loop = (b"ANIM", bytes(6))
    files["animated"] = extended(2, w, h, loop, frame(0, 0, w, h, picture_chunk(rgb, quality=60)),
                                 frame(4, 2, 15, 9, picture_chunk(small, lossless=True)))
    files["animated_offset"] = extended(2, w, h, loop, frame(6, 4, 15, 9, picture_chunk(small, lossless=True)))
    files["animated_lossy_offset"] = extended(2, w, h, loop, frame(22, 12, 15, 9, picture_chunk(small, quality=90)))
    return files


def all_files():
    for suffix, files in (("png", png_files()), ("jpg", jpeg_files()), ("webp", webp_files())):
        for name, content in files.items():
            yield f"{name}.{suffix}", content
