import { readFileSync } from "node:fs";
import { deflateSync } from "node:zlib";

import { describe, expect, test } from "vitest";

import { pngTexts } from "../../../client/web/src/png/chunks.ts";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

// The checksum is not looked at by readers of texts.
function chunk(type: string, data: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  return Buffer.concat([length, Buffer.from(type), data, Buffer.alloc(4)]);
}

const png = (...chunks: Buffer[]) => new Uint8Array(Buffer.concat([SIGNATURE, ...chunks, chunk("IEND", Buffer.alloc(0))]));

describe("texts of a PNG", () => {
  test("tEXt is Latin-1", async () => {
    const file = png(chunk("tEXt", Buffer.from("parameters\0a r\xe9d apple", "latin1")));
    expect(await pngTexts(file)).toEqual(new Map([["parameters", "a réd apple"]]));
  });

  test("zTXt is unpacked", async () => {
    const file = png(chunk("zTXt", Buffer.concat([Buffer.from("latentd\0\0"), deflateSync(Buffer.from("{}"))])));
    expect((await pngTexts(file)).get("latentd")).toBe("{}");
  });

  test.each([false, true])("iTXt is UTF-8, packed: %s", async (packed) => {
    const text = Buffer.from("ein Äpfelchen 🍎");
    const head = Buffer.from(`title\0${packed ? "\x01" : "\0"}\0de\0Titel\0`);
    const file = png(chunk("iTXt", Buffer.concat([head, packed ? deflateSync(text) : text])));
    expect((await pngTexts(file)).get("title")).toBe("ein Äpfelchen 🍎");
  });

  test("of a keyword that is there twice the first counts", async () => {
    const file = png(chunk("tEXt", Buffer.from("a\x001")), chunk("tEXt", Buffer.from("a\x002")));
    expect((await pngTexts(file)).get("a")).toBe("1");
  });

  test("what is damaged is left out, the rest is read", async () => {
    const file = png(
      chunk("zTXt", Buffer.from("broken\0\0no zlib")),
      chunk("tEXt", Buffer.from("no keyword")),
      chunk("tEXt", Buffer.from("whole\0yes")),
    );
    expect(await pngTexts(file)).toEqual(new Map([["whole", "yes"]]));
  });

  test("a text that unpacks to more than a megabyte is refused", async () => {
    const file = png(chunk("zTXt", Buffer.concat([Buffer.from("bomb\0\0"), deflateSync(Buffer.alloc(8 << 20))])));
    expect(await pngTexts(file)).toEqual(new Map());
  });

  test("every place to cut a file off is survived", async () => {
    const file = png(chunk("tEXt", Buffer.from("a\x001")), chunk("tEXt", Buffer.from("b\x002")));
    for (let length = 0; length < file.length; ++length) {
      const texts = await pngTexts(file.slice(0, length));
      expect(texts.get("b") ?? "2").toBe("2");
    }
    expect((await pngTexts(file)).size).toBe(2);
  });

  test("a file that is no PNG has none", async () => {
    const file = readFileSync(new URL("../../golden/imaging/files/dot.jpg", import.meta.url));
    expect((await pngTexts(new Uint8Array(file))).size).toBe(0);
  });
});
