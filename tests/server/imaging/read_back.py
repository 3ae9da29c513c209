"""Reads the files that `imaging_samples` writes, with Pillow and ffprobe, and compares what it finds with what went in.

    python3 read_back.py PATH/TO/imaging_samples

Pillow checks every chunk's checksum, and its readers of PNG text, EXIF and XMP are not ours.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

from PIL import Image

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
PARAMETERS = (
    "Steps: 25, Sampler: Euler a, Schedule type: Karras, CFG scale: 7.5, Seed: 7, Size: 61x35, Model: pictograms, "
    "Version: latentd 0.1.0"
)
NEGATIVE = "blurry, dark"
APPLES = "\U0001f34e" * 8192
PROMPTS = {
    "latin": "a red apple",
    "unicode": 'ein Apfel \u2013 \u82f9\u679c \U0001f34e & <x>, "y"\nsecond line',
    "omitted": None,
    "long": APPLES,
    "dot": "a red apple",
}


def user_comment(image):
    """The EXIF UserComment as AUTOMATIC1111's web UI reads it: eight bytes of encoding, then UTF-16, big-endian."""
    comment = image.getexif().get_ifd(0x8769).get(0x9286)
    if comment is None:
        return None
    assert comment[:8] == b"UNICODE\0", comment[:8]
    return comment[8:].decode("utf-16-be")


def xmp_packet(path):
    data = path.read_bytes()
    begin, end = data.index(b"<?xpacket begin="), data.index(b'<?xpacket end="r"?>')
    assert data.count(b"<?xpacket begin=") == 1, "one packet"
    return data[begin:end].decode()


def property_of(packet, name):
    import xml.etree.ElementTree as tree

    element = tree.fromstring(packet.split("?>", 1)[1]).find(f".//{{*}}{name}")
    return None if element is None else element.text


def check(path, name, pixels):
    image = Image.open(path)
    image.load()
    assert image.mode == "RGB", image.mode
    png = path.suffix == ".png"
    if png:
        assert image.tobytes() == pixels, "PNG pixels differ"
    else:
        difference = sum(abs(a - b) for a, b in zip(image.tobytes(), pixels)) / len(pixels)
        assert difference < 12, f"pixels differ by {difference} on average"

    packet = xmp_packet(path)
    assert property_of(packet, "DigitalSourceType") == SOURCE_TYPE
    assert property_of(packet, "CreatorTool") == "latentd 0.1.0"

    parameters = image.info.get("parameters") if png else user_comment(image)
    fields = image.info.get("latentd") if png else property_of(packet, "parameters")
    if name == "preview":
        assert parameters is None and fields is None
        return
    fields = json.loads(fields)
    assert fields["software"] == "latentd 0.1.0"
    spec = fields["spec"]
    assert spec["seed"] == "7" and spec["sampler"] == "euler_a" and spec["guidance_scale"] == 7.5

    prompt, negative = PROMPTS[name], None if name == "omitted" else NEGATIVE
    if name == "long":
        negative = prompt
        if path.suffix == ".jpg":  # a JPEG segment is 64 KiB at most
            assert "prompt" not in spec
            prompt = negative = prompt[:7500]
        else:
            assert spec["prompt"] == spec["negative_prompt"] == prompt
    else:
        assert spec.get("prompt") == prompt and spec.get("negative_prompt") == negative
    expected = PARAMETERS if prompt is None else f"{prompt}\nNegative prompt: {negative}\n{PARAMETERS}"
    assert parameters == expected, f"{parameters!r}\n{expected!r}"
    if png:
        chunk = b"tEXtparameters\0" if name in ("latin", "dot", "omitted") else b"iTXtparameters\0"
        assert chunk in path.read_bytes(), f"{chunk} is missing"


def frames_by_pillow(path):
    """Pixels of all frames, their durations in milliseconds, and the file's repetitions."""
    image = Image.open(path)
    pixels, durations = b"", []
    for index in range(image.n_frames):
        image.seek(index)
        pixels += image.convert("RGB").tobytes()
        durations.append(image.info["duration"])
    return pixels, durations, image.info["loop"]


def check_webp_clip(path):
    pixels, durations, loop = frames_by_pillow(path)
    assert durations == [125] * 7 and loop == 0, (durations, loop)
    assert user_comment(Image.open(path)) == f"a red apple\nNegative prompt: {NEGATIVE}\n{PARAMETERS}"
    return pixels


def check_gif_clip(path):
    pixels, durations, loop = frames_by_pillow(path)
    # 12.5 hundredths of a second cannot be written: together they keep the pace. The last frame stays for whole ones.
    assert durations == [130, 120, 130, 120, 130, 120, 120] and loop == 0, (durations, loop)
    comment = f"a red apple\nNegative prompt: {NEGATIVE}\n{PARAMETERS}"
    assert Image.open(path).info["comment"] == comment.encode()
    return pixels


def check_mp4_clip(path):
    probe = ("ffprobe", "-v", "error", "-show_streams", "-show_format", "-of", "json", path)
    found = json.loads(subprocess.run(probe, check=True, capture_output=True).stdout)
    (stream,) = found["streams"]
    assert (stream["codec_name"], stream["pix_fmt"], stream["color_space"]) == ("h264", "yuv420p", "bt709"), stream
    assert stream["nb_frames"] == "7" and stream["r_frame_rate"] == "8/1", stream
    assert abs(float(found["format"]["duration"]) - 7 / 8) < 1e-3, found["format"]
    comment = found["format"]["tags"]["comment"]
    assert comment == f"a red apple\nNegative prompt: {NEGATIVE}\n{PARAMETERS}", comment
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "players want the index first"
    decode = ("ffmpeg", "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    return subprocess.run(decode, check=True, capture_output=True).stdout


def check_clip(path, pixels):
    checks = {".webp": check_webp_clip, ".gif": check_gif_clip, ".mp4": check_mp4_clip}
    found = checks[path.suffix](path)
    assert len(found) == len(pixels), f"{len(found)} bytes of pixels, not {len(pixels)}"
    difference = sum(abs(a - b) for a, b in zip(found, pixels)) / len(pixels)
    assert difference < 5, f"pixels differ by {difference} on average"
    packet = xmp_packet(path)
    assert property_of(packet, "DigitalSourceType") == SOURCE_TYPE
    assert json.loads(property_of(packet, "parameters"))["spec"]["seed"] == "7"


def main():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.argv[1], folder], check=True)
        for name in (*PROMPTS, "preview"):
            pixels = (pathlib.Path(folder) / f"{name}.rgb").read_bytes()
            for suffix in ("png", "jpg", "webp"):
                path = pathlib.Path(folder) / f"{name}.{suffix}"
                try:
                    check(path, name, pixels)
                except Exception as error:
                    sys.exit(f"{path.name}: {error!r}")
                print(f"{path.name}: {path.stat().st_size} bytes, as expected")
        pixels = (pathlib.Path(folder) / "clip.rgb").read_bytes()
        for suffix in ("webp", "gif", "mp4"):
            path = pathlib.Path(folder) / f"clip.{suffix}"
            try:
                check_clip(path, pixels)
            except Exception as error:
                sys.exit(f"{path.name}: {error!r}")
            print(f"{path.name}: {path.stat().st_size} bytes, as expected")


main()
