import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";

import { type Event, EventSchema } from "../../../client/web/src/gen/latentd/v1/event_pb.ts";
import { Output_Kind, Output_State } from "../../../client/web/src/gen/latentd/v1/job_pb.ts";
import { ImageFormat } from "../../../client/web/src/gen/latentd/v1/spec_pb.ts";
import { emptyParameters } from "../../../client/web/src/jobs/parameters.ts";
import { ended, type Job, lost, newJob, reduce } from "../../../client/web/src/jobs/reducer.ts";

type Kind = NonNullable<MessageInitShape<typeof EventSchema>["kind"]>;

const event = (sequence: number, kind: Kind): Event => create(EventSchema, { job: "jobs/a", sequence: BigInt(sequence), kind });
const job = (numImages = 1): Job => newJob("id", { ...emptyParameters("pictograms"), numImages }, 0, undefined);
const after = (start: Job, ...kinds: Kind[]): Job =>
  kinds.reduce((each, kind, i) => reduce(each, event(Number(each.sequence) + i + 1, kind), 1000), start);

const output = (index: number, size: number): Kind => ({
  case: "output",
  value: { index, kind: Output_Kind.IMAGE, state: Output_State.OK, seed: 7n, mediaType: "image/png", size: BigInt(size) },
});
const chunk = (index: number, offset: number, ...data: number[]): Kind => ({
  case: "outputChunk",
  value: { index, offset: BigInt(offset), data: new Uint8Array(data) },
});
const progress = (outputIndex: number, step: number, preview?: number[]): Kind => ({
  case: "progress",
  value: {
    outputIndex,
    step,
    totalSteps: 25,
    eta: { seconds: 2n, nanos: 500_000_000 },
    ...(preview && { preview: { kind: { case: "image", value: { format: ImageFormat.JPEG, data: new Uint8Array(preview) } } } }),
  },
});
const bytes = async (file: Blob | undefined) => file && [...new Uint8Array(await file.arrayBuffer())];

describe("a job", () => {
  test("knows its place in the queue until it starts", () => {
    const queued = after(job(), { case: "queued", value: { position: 3, eta: { seconds: 4n } } });
    expect(queued).toMatchObject({ state: "queued", position: 3, startEtaMs: 4000 });
    expect(after(queued, { case: "started", value: {} })).toMatchObject({ state: "running", position: undefined });
  });

  test("tells the warnings that it starts with", () => {
    const started = after(job(), { case: "started", value: { warnings: [{ message: "cut" }] } });
    expect(started.warnings).toEqual(["cut"]);
  });

  test("each picture has its own step, time left and preview", async () => {
    const running = after(job(2), progress(1, 4, [9]));
    expect(running.pictures[0]).toMatchObject({ step: 0, preview: undefined });
    expect(running.pictures[1]).toMatchObject({ step: 4, totalSteps: 25, etaMs: 2500, etaAt: 1000 });
    const preview = running.pictures[1]!.preview;
    expect(preview?.kind === "image" && (await bytes(preview.file))).toEqual([9]);
  });

  test("a step without a preview leaves the last one", () => {
    const running = after(job(), progress(0, 4, [9]), progress(0, 5));
    expect(running.pictures[0]!.step).toBe(5);
    expect(running.pictures[0]!.preview).toBeDefined();
  });

  test("parts of an output become its file, in order", async () => {
    const arriving = after(job(), output(0, 5), chunk(0, 0, 1, 2, 3));
    expect(arriving.pictures[0]!.output).toMatchObject({ state: "arriving", file: undefined });
    const done = after(arriving, chunk(0, 3, 4, 5));
    expect(done.pictures[0]!.output).toMatchObject({ state: "ok", mediaType: "image/png", seed: "7", parts: [] });
    expect(await bytes(done.pictures[0]!.output?.file)).toEqual([1, 2, 3, 4, 5]);
  });

  test("a part that comes again changes nothing", async () => {
    const arriving = after(job(), output(0, 5), chunk(0, 0, 1, 2, 3), chunk(0, 0, 1, 2, 3), chunk(0, 3, 4, 5));
    expect(await bytes(arriving.pictures[0]!.output?.file)).toEqual([1, 2, 3, 4, 5]);
  });

  test("events that it has had already change nothing", () => {
    const running = after(job(), { case: "started", value: {} }, progress(0, 9));
    expect(reduce(running, event(2, progress(0, 3)), 0)).toBe(running);
    expect(reduce(running, event(0, { case: "heartbeat", value: {} }), 0)).toBe(running);
  });

  test("a terminal event is the last, whatever its number", () => {
    const running = { ...after(job(), { case: "started", value: {} }), sequence: 100n };
    expect(reduce(running, event(7, { case: "completed", value: {} }), 0).state).toBe("completed");
  });

  test.each([
    ["completed", { case: "completed", value: {} }, ""],
    ["failed", { case: "failed", value: { status: { code: 13, message: "it broke" } } }, "it broke"],
    ["cancelled", { case: "cancelled", value: { reason: "CALLER" } }, ""],
    ["cancelled", { case: "cancelled", value: { reason: "DRAINED" } }, "The server was shut down before it was finished."],
  ] as [string, Kind, string][])("%s is an end, without previews", (state, kind, error) => {
    const end = after(after(job(), progress(0, 4, [9])), kind);
    expect(end).toMatchObject({ state, error });
    expect(ended(end)).toBe(true);
    expect(end.pictures[0]!.preview).toBeUndefined();
    expect(after(end, { case: "started", value: {} })).toBe(end);
  });

  test("withheld and failed outputs have no file", () => {
    const withheld: Kind = { case: "output", value: { index: 0, state: Output_State.WITHHELD } };
    const failed: Kind = { case: "output", value: { index: 1, state: Output_State.FAILED, error: { message: "NaN" } } };
    const { pictures } = after(job(2), withheld, failed);
    expect(pictures[0]!.output).toMatchObject({ state: "withheld", file: undefined });
    expect(pictures[1]!.output).toMatchObject({ state: "failed", error: "NaN" });
  });

  test("goes back to the queue when it is requeued", () => {
    expect(after(job(), { case: "started", value: {} }, { case: "requeued", value: { resumeStep: 3 } }).state).toBe("queued");
  });

  test("that is lost keeps the pictures that are there", () => {
    const some = after(job(2), output(0, 1), chunk(0, 0, 1), progress(1, 4, [9]));
    const gone = lost(some);
    expect(gone.state).toBe("lost");
    expect(gone.pictures[0]!.output?.file).toBeDefined();
    expect(gone.pictures[1]!.preview).toBeUndefined();
  });
});
