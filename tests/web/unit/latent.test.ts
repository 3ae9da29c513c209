import { expect, test } from "vitest";

import { decodeLatent } from "../../../client/web/src/latent/decode.ts";

// Two channels; red is the first, green the second, blue always dark.
const MAP = [1, 0, 0, 0, 1, 0, 0, 0, -1];

test("each place's channels become a colour by the map, clipped", () => {
  const values = new Float32Array([-1, 1, 0, 3, /**/ 1, -1, 0, -3]);
  const pixels = decodeLatent({ shape: [2, 1, 4], dtype: "float32", data: new Uint8Array(values.buffer) }, MAP);
  expect([pixels.width, pixels.height]).toEqual([4, 1]);
  expect([...pixels.rgba]).toEqual([0, 255, 0, 255, 255, 0, 0, 255, 128, 128, 0, 255, 255, 0, 0, 255]);
});

test("float16 is read, numbers near zero too", () => {
  // 1, -1, 0.5, 2^-24 as IEEE 754 half precision.
  const halves = new Uint16Array([0x3c00, 0xbc00, 0x3800, 0x0001]);
  const pixels = decodeLatent({ shape: [1, 2, 2], dtype: "float16", data: new Uint8Array(halves.buffer) }, [1, 0, 0, 0, 0, 0]);
  expect([0, 4, 8, 12].map((at) => pixels.rgba[at])).toEqual([255, 0, 191, 128]);
});

test("data that does not begin at a multiple of four is read", () => {
  const data = new Uint8Array(9);
  data.set(new Uint8Array(new Float32Array([1, -1]).buffer), 1);
  const pixels = decodeLatent({ shape: [1, 1, 2], dtype: "float32", data: data.subarray(1) }, [1, 1, 1, 0, 0, 0]);
  expect([...pixels.rgba]).toEqual([255, 255, 255, 255, 0, 0, 0, 255]);
});

test("a map of another number of channels, and unknown types, are refused", () => {
  const latent = { shape: [1, 1, 1], dtype: "float32", data: new Uint8Array(4) };
  expect(() => decodeLatent(latent, MAP)).toThrow("channels");
  expect(() => decodeLatent({ ...latent, dtype: "bfloat16" }, [1, 1, 1, 0, 0, 0])).toThrow("bfloat16");
});
