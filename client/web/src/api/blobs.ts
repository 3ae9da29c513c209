// Pictures that a request brings along: small ones inside it, large ones sent before, in parts, and referred to by hash.

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

import type { InputImage } from "../gen/latentd/v1/spec_pb";
import { blobs } from "./clients";
import { persistently } from "./connection";

const PART_BYTES = 1 << 20;
// What is sent inside the request: it may be sent again, to another replica, too.
const INLINE_BYTES = 256 << 10;

async function put(data: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = bytesToHex(sha256(data));
  const about = { sha256: hash, totalSize: BigInt(data.length) };
  // Without data: where to go on.
  let blob = await persistently(() => blobs.putChunk(about));
  while (!blob.complete) {
    const offset = Number(blob.receivedSize);
    const part = { ...about, offset: BigInt(offset), data: data.subarray(offset, offset + PART_BYTES) };
    blob = await persistently(() => blobs.putChunk(part));
  }
  return hash;
}

export async function sendPicture(picture: Blob): Promise<InputImage["source"]> {
  const data = new Uint8Array(await picture.arrayBuffer());
  if (data.length <= INLINE_BYTES) return { case: "data", value: data };
  return { case: "blobSha256", value: await put(data) };
}
