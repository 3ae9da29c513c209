import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { ResourceInfoSchema, RetryInfoSchema } from "../../../client/web/src/gen/google/rpc/error_details_pb.ts";
import { type Event, EventSchema } from "../../../client/web/src/gen/latentd/v1/event_pb.ts";
import type { Watched } from "../../../client/web/src/jobs/watcher.ts";

// A stream that the test feeds.
class Stream {
  private readonly items: (Event | Error | "end")[] = [];
  private wake: () => void = () => {};
  constructor(
    readonly jobs: Watched[],
    readonly signal: AbortSignal,
  ) {
    signal.addEventListener("abort", () => this.push(new ConnectError("aborted", Code.Canceled)));
  }

  push(item: Event | Error | "end"): void {
    this.items.push(item);
    this.wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Event> {
    for (;;) {
      const item = this.items.shift();
      if (item === "end") return;
      if (item instanceof Error) throw item;
      if (item) yield item;
      else await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }
}

const event = (job: string, sequence: number): Event =>
  create(EventSchema, { job, sequence: BigInt(sequence), kind: { case: "started", value: {} } });
const notFound = (resourceName: string) =>
  new ConnectError("unknown", Code.NotFound, undefined, [{ desc: ResourceInfoSchema, value: { resourceName } }]);

let jobs: Map<string, bigint>;
let streams: Stream[];
let lost: string[];
let probes: number;
let refusals: string[];
// What an answer to the probe does.
let onProbe: () => void;
let watcher: { update(): void };
let connection: typeof import("../../../client/web/src/api/connection.ts");

beforeEach(async () => {
  vi.useFakeTimers();
  vi.stubGlobal("addEventListener", () => {});
  vi.stubGlobal("document", { addEventListener: () => {}, visibilityState: "visible" });
  vi.resetModules();
  connection = await import("../../../client/web/src/api/connection.ts");
  const { Watcher } = await import("../../../client/web/src/jobs/watcher.ts");
  jobs = new Map();
  streams = [];
  lost = [];
  probes = 0;
  refusals = [];
  onProbe = () => {};
  watcher = new Watcher({
    open: (watched, signal) => {
      const stream = new Stream(watched, signal);
      streams.push(stream);
      return stream;
    },
    jobs: () => [...jobs].map(([name, sequence]) => ({ name, sequence })),
    onEvent: ({ job, sequence }) => jobs.set(job, sequence),
    onLost: (name) => {
      lost.push(name);
      jobs.delete(name);
    },
    findLost: async (watched) => watched.map(({ name }) => name).filter((name) => name.includes("gone")),
    onRefused: (reason) => refusals.push(reason),
    probe: async () => {
      ++probes;
      onProbe();
    },
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

// Lets all that can happen now happen.
const settle = () => vi.advanceTimersByTimeAsync(0);

function join(name: string): void {
  jobs.set(name, 0n);
  watcher.update();
}

test("jobs that join in one turn share one stream", async () => {
  join("jobs/a");
  join("jobs/b");
  await settle();
  expect(streams.map((stream) => stream.jobs)).toEqual([
    [
      { name: "jobs/a", sequence: 0n },
      { name: "jobs/b", sequence: 0n },
    ],
  ]);
});

test("one that joins later reopens the stream, and the others go on where they were", async () => {
  join("jobs/a");
  await settle();
  streams[0]!.push(event("jobs/a", 5));
  await settle();
  join("jobs/b");
  await settle();
  expect(streams[0]!.signal.aborted).toBe(true);
  expect(streams[1]!.jobs).toEqual([
    { name: "jobs/a", sequence: 5n },
    { name: "jobs/b", sequence: 0n },
  ]);
  // That was no failure.
  expect(connection.connection.value.kind).toBe("ok");
});

test("a stream that ends before its jobs do is opened again, once the service answers", async () => {
  join("jobs/a");
  await settle();
  streams[0]!.push(event("jobs/a", 5));
  streams[0]!.push("end");
  await settle();
  expect(connection.connection.value).toMatchObject({ kind: "waiting", problem: { kind: "server-gone" } });
  expect(streams.length).toBe(1);
  connection.retryNow();
  await settle();
  expect(probes).toBe(1);
  expect(streams[1]!.jobs).toEqual([{ name: "jobs/a", sequence: 5n }]);
  streams[1]!.push(event("jobs/a", 6));
  await settle();
  expect(connection.connection.value.kind).toBe("ok");
});

test("a stream that ends with its last job is not opened again", async () => {
  join("jobs/a");
  await settle();
  jobs.delete("jobs/a");
  streams[0]!.push("end");
  await settle();
  expect(streams.length).toBe(1);
  join("jobs/b");
  await settle();
  expect(streams[1]!.jobs).toEqual([{ name: "jobs/b", sequence: 0n }]);
});

test("a job that the server names as unknown is lost, the others go on", async () => {
  join("jobs/a");
  join("jobs/gone");
  await settle();
  streams[0]!.push(notFound("jobs/gone"));
  await settle();
  expect(lost).toEqual(["jobs/gone"]);
  expect(streams[1]!.jobs).toEqual([{ name: "jobs/a", sequence: 0n }]);
});

test("when it does not name one, all are asked for", async () => {
  join("jobs/a");
  join("jobs/gone");
  await settle();
  streams[0]!.push(new ConnectError("unknown", Code.NotFound));
  await settle();
  expect(lost).toEqual(["jobs/gone"]);
  expect(streams.length).toBe(2);
});

test("a stream without a word for longer than heartbeats allow is given up", async () => {
  join("jobs/a");
  await settle();
  for (let i = 0; i < 4; ++i) {
    await vi.advanceTimersByTimeAsync(15_000);
    streams[0]!.push(create(EventSchema, { kind: { case: "heartbeat", value: {} } }));
    await settle();
  }
  expect(streams[0]!.signal.aborted).toBe(false);
  await vi.advanceTimersByTimeAsync(41_000);
  expect(streams[0]!.signal.aborted).toBe(true);
  expect(streams.length).toBe(2);
});

test("waits grow while the service is away", async () => {
  join("jobs/a");
  await settle();
  const waits: number[] = [];
  for (let i = 0; i < 4; ++i) {
    streams.at(-1)!.push(new ConnectError("no healthy upstream", Code.Unavailable));
    await settle();
    const state = connection.connection.value;
    if (state.kind !== "waiting") throw new Error(`it does not wait: ${state.kind}`);
    waits.push(state.retryAt - Date.now());
    connection.retryNow();
    await settle();
  }
  waits.slice(1).forEach((wait, i) => expect(wait).toBeGreaterThanOrEqual(waits[i]!));
  expect(waits[3]).toBeGreaterThanOrEqual(2000);
});

test("who may not watch is told why, and the server is not asked again before there is a reason", async () => {
  join("jobs/a");
  await settle();
  streams[0]!.push(new ConnectError("this needs the role read", Code.PermissionDenied));
  await vi.advanceTimersByTimeAsync(600_000);
  expect(streams.length).toBe(1);
  expect(probes).toBe(0);
  expect(refusals).toEqual(["this needs the role read"]);
  expect(connection.connection.value).toEqual({ kind: "ok" });
  watcher.update();
  await settle();
  expect(streams.length).toBe(2);
});

test("waits grow while the server fails to watch, although it answers all else", async () => {
  onProbe = connection.reached;
  join("jobs/a");
  await vi.advanceTimersByTimeAsync(0);
  for (let i = 0; i < 8; ++i) {
    streams.at(-1)!.push(new ConnectError("out of order", Code.Internal));
    await vi.advanceTimersByTimeAsync(30_000);
  }
  expect(streams.length).toBe(9);
  streams.at(-1)!.push(new ConnectError("out of order", Code.Internal));
  await vi.advanceTimersByTimeAsync(14_000);
  expect(streams.length).toBe(9);
});

test("a stream that breaks is opened again soon, though another call waits for room", async () => {
  const full = new ConnectError("quota", Code.ResourceExhausted, undefined, [
    { desc: RetryInfoSchema, value: { retryDelay: { seconds: 600n } } },
  ]);
  void connection.persistently(() => Promise.reject(full));
  join("jobs/a");
  await settle();
  streams[0]!.push("end");
  await vi.advanceTimersByTimeAsync(500);
  expect(streams.length).toBe(2);
});
