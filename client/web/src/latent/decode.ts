// A picture of a latent: each place's channels become red, green and blue by one linear map.

export interface Latent {
  shape: number[]; // [C, h, w]
  dtype: string;
  data: Uint8Array;
}

export interface Pixels {
  width: number;
  height: number;
  rgba: Uint8ClampedArray<ArrayBuffer>;
}

function halfToFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * 2 ** -24 * fraction;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * 2 ** (exponent - 25) * (1024 + fraction);
}

function valuesOf({ dtype, data }: Latent): (place: number) => number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (dtype === "float32") return (place) => view.getFloat32(place * 4, true);
  if (dtype === "float16") return (place) => halfToFloat(view.getUint16(place * 2, true));
  throw new Error(`latents of ${dtype} are not known`);
}

// `map`: [C + 1, 3], the last row the constant; it gives colours in [-1, 1].
export function decodeLatent(latent: Latent, map: number[]): Pixels {
  const [channels = 0, height = 0, width = 0] = latent.shape;
  if (map.length !== (channels + 1) * 3) throw new Error(`the map is not one of ${channels} channels`);
  const value = valuesOf(latent);
  const places = height * width;
  const rgba = new Uint8ClampedArray(places * 4).fill(255);
  for (let place = 0; place < places; ++place) {
    for (let colour = 0; colour < 3; ++colour) {
      let sum = map[channels * 3 + colour]!;
      for (let channel = 0; channel < channels; ++channel) sum += value(channel * places + place) * map[channel * 3 + colour]!;
      rgba[place * 4 + colour] = (sum + 1) * 127.5;
    }
  }
  return { width, height, rgba };
}
