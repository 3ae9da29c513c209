import { afterEach, beforeEach, expect, test, vi } from "vitest";

const MIB = 1 << 20;
const bytes = new Uint8Array(3 * MIB).map((_, i) => i % 251);
// At once, since the clock is not real.
const picture = { arrayBuffer: async () => bytes.buffer } as Blob;

let sendPicture: typeof import("../../../client/web/src/api/blobs.ts").sendPicture;
let connection: typeof import("../../../client/web/src/api/connection.ts");
// A server that drops what it has after each part of these numbers.
let dropsAfter: number[];
let parts: { at: number; offset: number }[];

beforeEach(async () => {
  vi.useFakeTimers();
  vi.stubGlobal("addEventListener", () => {});
  vi.stubGlobal("document", { addEventListener: () => {} });
  vi.resetModules();
  dropsAfter = [];
  parts = [];
  let received = 0;
  const putChunk = async ({ offset = 0n, data, totalSize }: { offset?: bigint; data?: Uint8Array; totalSize: bigint }) => {
    if (data) {
      parts.push({ at: Date.now(), offset: Number(offset) });
      received = dropsAfter.includes(parts.length) ? 0 : Number(offset) + data.length;
    }
    return { receivedSize: BigInt(received), complete: received === Number(totalSize) };
  };
  vi.doMock("../../../client/web/src/api/clients.ts", () => ({ blobs: { putChunk } }));
  connection = await import("../../../client/web/src/api/connection.ts");
  ({ sendPicture } = await import("../../../client/web/src/api/blobs.ts"));
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.doUnmock("../../../client/web/src/api/clients.ts");
});

const send = (signal = new AbortController().signal) => {
  const sent = sendPicture(picture, signal);
  sent.catch(() => {});
  return sent;
};

test("a picture goes in parts, one after the other", async () => {
  const sent = send();
  expect(await sent).toMatchObject({ case: "blobSha256" });
  expect(parts.map(({ offset }) => offset)).toEqual([0, MIB, 2 * MIB]);
});

test("what the server drops is sent again, after a pause that grows", async () => {
  dropsAfter = [2, 3, 4];
  const sent = send();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await sent).toMatchObject({ case: "blobSha256" });
  expect(parts.map(({ offset }) => offset)).toEqual([0, MIB, 0, 0, 0, MIB, 2 * MIB]);
  const pauses = [2, 3, 4].map((i) => parts[i]!.at - parts[i - 1]!.at);
  expect(pauses[0]).toBeGreaterThanOrEqual(250);
  expect(pauses[1]).toBeGreaterThanOrEqual(500);
  expect(pauses[2]).toBeGreaterThanOrEqual(1000);
  expect(connection.connection.value).toEqual({ kind: "ok" });
});

test("it is given up when the server drops it for the fourth time", async () => {
  dropsAfter = [1, 2, 3, 4];
  const sent = send();
  await vi.advanceTimersByTimeAsync(600_000);
  await expect(sent).rejects.toThrow("The server has no room for the picture");
  expect(parts.length).toBe(4);
  expect(connection.connection.value).toEqual({ kind: "ok" });
});

test("of a picture that is not wanted any more nothing is sent", async () => {
  const unwanted = new AbortController();
  dropsAfter = [1];
  const sent = send(unwanted.signal);
  await vi.advanceTimersByTimeAsync(0);
  expect(parts.length).toBe(1);
  unwanted.abort();
  await vi.advanceTimersByTimeAsync(60_000);
  await expect(sent).rejects.toThrow();
  expect(parts.length).toBe(1);
});
