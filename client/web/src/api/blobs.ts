// Pictures that a request brings along: small ones inside it, large ones sent before, in parts, and referred to by hash.

import { Code, ConnectError } from "@connectrpc/connect";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

import type { InputImage } from "../gen/latentd/v1/spec_pb";
import { blobs } from "./clients";
import { persistently, Tries } from "./connection";

const PART_BYTES = 1 << 20;
// What is sent inside the request: it may be sent again, to another replica, too.
const INLINE_BYTES = 256 << 10;
// How often the server may have less than it had before: it was restarted, or others needed the room.
const MAX_SETBACKS = 3;

async function put(data: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<string> {
  const hash = bytesToHex(sha256(data));
  const about = { sha256: hash, totalSize: BigInt(data.length) };
  const tries = new Tries();
  try {
    // Without data: where to go on.
    let blob = await persistently(() => blobs.putChunk(about), signal);
    for (let setbacks = 0; !blob.complete; ) {
      const offset = Number(blob.receivedSize);
      const part = { ...about, offset: BigInt(offset), data: data.subarray(offset, offset + PART_BYTES) };
      blob = await persistently(() => blobs.putChunk(part), signal);
      if (blob.complete || Number(blob.receivedSize) >= offset + part.data.length) continue;
      const message = "The server has no room for the picture: it dropped what was sent of it.";
      if (++setbacks > MAX_SETBACKS) throw new ConnectError(message, Code.ResourceExhausted);
      await tries.wait({ kind: "busy", message, retryMs: undefined }, signal);
    }
    return hash;
  } finally {
    tries.end();
  }
}

export async function sendPicture(picture: Blob, signal: AbortSignal): Promise<InputImage["source"]> {
  const data = new Uint8Array(await picture.arrayBuffer());
  if (data.length <= INLINE_BYTES) return { case: "data", value: data };
  return { case: "blobSha256", value: await put(data, signal) };
}
