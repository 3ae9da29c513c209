import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { ErrorInfoSchema, RetryInfoSchema } from "../../../client/web/src/gen/google/rpc/error_details_pb.ts";

let connection: typeof import("../../../client/web/src/api/connection.ts");
let listeners: Map<string, () => void>;

beforeEach(async () => {
  vi.useFakeTimers();
  listeners = new Map();
  const listen = (name: string, listener: () => void) => listeners.set(name, listener);
  vi.stubGlobal("addEventListener", listen);
  vi.stubGlobal("document", { addEventListener: listen, visibilityState: "visible" });
  vi.resetModules();
  connection = await import("../../../client/web/src/api/connection.ts");
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const settle = () => vi.advanceTimersByTimeAsync(0);
const gone = () => new ConnectError("no healthy upstream", Code.Unavailable);
const noKey = () => new ConnectError("who?", Code.Unauthenticated);
const full = () =>
  new ConnectError("full", Code.Unavailable, undefined, [{ desc: ErrorInfoSchema, value: { reason: "QUEUE_FULL", domain: "latentd" } }]);

const overQuota = (seconds: bigint) =>
  new ConnectError("quota", Code.ResourceExhausted, undefined, [{ desc: RetryInfoSchema, value: { retryDelay: { seconds } } }]);

// A call that fails with these, one after the other, and is answered then.
function callThat(...errors: Error[]) {
  const call = vi.fn(async () => {
    const error = errors.shift();
    if (error) throw error;
    return "answer";
  });
  return { call, answer: connection.persistently(call) };
}

test("a call is repeated until it is answered", async () => {
  const { call, answer } = callThat(gone(), gone());
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await answer).toBe("answer");
  expect(call).toHaveBeenCalledTimes(3);
  expect(connection.connection.value).toEqual({ kind: "ok" });
});

test("all that wait are tried at once when one is answered", async () => {
  const waiting = [callThat(gone()), callThat(gone())];
  await settle();
  expect(connection.connection.value.kind).toBe("waiting");
  connection.reached();
  await settle();
  for (const { answer } of waiting) expect(await answer).toBe("answer");
  expect(connection.connection.value).toEqual({ kind: "ok" });
});

test.each(["online", "visibilitychange"])("%s makes the wait shorter", async (name) => {
  const { answer } = callThat(gone());
  await settle();
  listeners.get(name)!();
  await settle();
  expect(await answer).toBe("answer");
});

test("a key that is needed is asked for although other calls are answered", async () => {
  const { call, answer } = callThat(noKey());
  await settle();
  connection.reached();
  expect(connection.connection.value).toEqual({ kind: "needs-key", message: "who?" });
  await vi.advanceTimersByTimeAsync(600_000);
  expect(call).toHaveBeenCalledTimes(1);
  connection.retryNow();
  await settle();
  expect(await answer).toBe("answer");
});

test("a full server is said although other calls are answered", async () => {
  const { answer } = callThat(full());
  await settle();
  connection.reached();
  expect(connection.connection.value).toMatchObject({ kind: "waiting", problem: { kind: "busy", message: "full" } });
  await vi.advanceTimersByTimeAsync(1000);
  expect(await answer).toBe("answer");
  expect(connection.connection.value).toEqual({ kind: "ok" });
});

test("a call that waits for room holds up no other", async () => {
  const crowded = callThat(overQuota(600n), overQuota(600n));
  await settle();
  const others = [callThat(gone()), callThat(overQuota(2n))];
  await settle();
  // The outage concerns all calls, so that it is what is said.
  expect(connection.connection.value).toMatchObject({ kind: "waiting", problem: { kind: "server-gone" } });
  await vi.advanceTimersByTimeAsync(2000);
  for (const { answer } of others) expect(await answer).toBe("answer");
  expect(crowded.call).toHaveBeenCalledTimes(1);
  expect(connection.connection.value).toMatchObject({ kind: "waiting", problem: { message: "quota" } });
  // Its own time, and then a person who does not want to wait.
  await vi.advanceTimersByTimeAsync(598_000);
  expect(crowded.call).toHaveBeenCalledTimes(2);
  connection.retryNow();
  await settle();
  expect(await crowded.answer).toBe("answer");
  expect(connection.connection.value).toEqual({ kind: "ok" });
});

test.each([["an outage", gone], ["a full server", full], ["a missing key", noKey]])("who does not want the answer any more is free of %s", async (_, error) => {
  const call = vi.fn(() => Promise.reject(error()));
  const unwanted = new AbortController();
  const answer = connection.persistently(call, unwanted.signal).catch((reason: unknown) => reason);
  await settle();
  unwanted.abort("unwanted");
  expect(await answer).toBe("unwanted");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(call).toHaveBeenCalledTimes(1);
  expect(connection.connection.value).toEqual({ kind: "ok" });
});

test("what waiting does not mend is thrown", async () => {
  const refused = new ConnectError("no", Code.InvalidArgument);
  await expect(connection.persistently(() => Promise.reject(refused))).rejects.toBe(refused);
  expect(connection.connection.value).toEqual({ kind: "ok" });
});
