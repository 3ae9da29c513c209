// A job as the page knows it, and what each event of the service makes of it. Pure.

import type { Event, LatentTensor } from "../gen/latentd/v1/event_pb";
import { Output_Kind, Output_State, type Output } from "../gen/latentd/v1/job_pb";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { Parameters } from "./parameters";

// sending: not accepted yet. lost: the server does not know it any more.
export type JobState = "sending" | "queued" | "running" | "completed" | "failed" | "cancelled" | "lost";

export interface Picture {
  index: number;
  step: number;
  totalSteps: number;
  etaMs: number | undefined;
  // When that was said, by this machine's clock.
  etaAt: number;
  preview: { kind: "image"; file: Blob } | { kind: "latent"; tensor: LatentTensor } | undefined;
  output: PictureOutput | undefined;
}

export interface PictureOutput {
  state: "arriving" | "ok" | "withheld" | "failed";
  clip: boolean;
  seed: string;
  mediaType: string;
  width: number;
  height: number;
  size: number;
  file: Blob | undefined; // once all its bytes are there
  error: string;
  parts: BlobPart[];
  received: number;
}

export interface Job {
  // request_id of CreateJob: the page's own name for it.
  id: string;
  name: string; // "jobs/<uuid>"; empty until it is accepted
  createdAt: number;
  parameters: Parameters;
  // Jobs of one comparison; each is a column of its grid.
  grid: { id: string; column: number; columns: number[] } | undefined;
  state: JobState;
  // No try to send it can have reached the server: nobody knows of it yet.
  unsent: boolean;
  cancelRequested: boolean;
  position: number | undefined;
  startEtaMs: number | undefined;
  // The newest event: a watch goes on after it.
  sequence: bigint;
  pictures: Picture[];
  warnings: string[];
  error: string;
}

export function newJob(id: string, parameters: Parameters, createdAt: number, grid: Job["grid"]): Job {
  return {
    id,
    name: "",
    createdAt,
    parameters,
    grid,
    state: "sending",
    unsent: true,
    cancelRequested: false,
    position: undefined,
    startEtaMs: undefined,
    sequence: 0n,
    pictures: Array.from({ length: parameters.numImages }, (_, index) => newPicture(index)),
    warnings: [],
    error: "",
  };
}

function newPicture(index: number): Picture {
  return { index, step: 0, totalSteps: 0, etaMs: undefined, etaAt: 0, preview: undefined, output: undefined };
}

const TERMINAL = ["completed", "failed", "cancelled"];

export const ended = (job: Job): boolean => [...TERMINAL, "lost"].includes(job.state);

function withPicture(job: Job, index: number, change: (picture: Picture) => Picture): Job {
  const pictures = job.pictures.slice();
  while (pictures.length <= index) pictures.push(newPicture(pictures.length));
  pictures[index] = change(pictures[index]!);
  return { ...job, pictures };
}

function beginOutput(output: Output): PictureOutput {
  const state =
    output.state === Output_State.WITHHELD ? "withheld" : output.state === Output_State.FAILED ? "failed" : "arriving";
  return {
    state,
    clip: output.kind === Output_Kind.CLIP,
    seed: output.seed.toString(),
    mediaType: output.mediaType,
    width: output.width,
    height: output.height,
    size: Number(output.size),
    file: undefined,
    error: output.error?.message ?? "",
    parts: [],
    received: 0,
  };
}

function addPart(output: PictureOutput, offset: number, data: Uint8Array<ArrayBuffer>): PictureOutput {
  if (output.state !== "arriving" || offset !== output.received) return output;
  const parts = [...output.parts, data];
  const received = output.received + data.length;
  if (received < output.size) return { ...output, parts, received };
  return { ...output, state: "ok", parts: [], received, file: new Blob(parts, { type: output.mediaType }) };
}

const IMAGE_TYPES = ["", "image/png", "image/jpeg", "image/webp"];

const isTerminal = (event: Event): boolean => TERMINAL.includes(event.kind.case ?? "");

// `now`: milliseconds of this machine's clock. Events that the job has had already change nothing; but a
// terminal one is the last there is, also when its number is behind: a store may come back with less than it had.
export function reduce(job: Job, event: Event, now: number): Job {
  if (event.kind.case === "heartbeat" || ended(job)) return job;
  if (event.sequence <= job.sequence && !isTerminal(event)) return job;
  return { ...reduceKind(job, event.kind, now), sequence: event.sequence };
}

function reduceKind(job: Job, kind: Event["kind"], now: number): Job {
  switch (kind.case) {
    case "queued":
      return {
        ...job,
        state: "queued",
        position: kind.value.position,
        startEtaMs: kind.value.eta && durationMs(kind.value.eta),
      };
    case "started":
      return { ...job, state: "running", position: undefined, warnings: kind.value.warnings.map((each) => each.message) };
    case "requeued":
      return { ...job, state: "queued", position: undefined, startEtaMs: undefined };
    case "progress": {
      const { outputIndex, step, totalSteps, eta, preview } = kind.value;
      return withPicture(job, outputIndex, (picture) => ({
        ...picture,
        step,
        totalSteps,
        etaMs: eta && durationMs(eta),
        etaAt: now,
        preview: shown(preview) ?? picture.preview,
      }));
    }
    case "output":
      return withPicture(job, kind.value.index, (picture) => ({ ...picture, output: beginOutput(kind.value) }));
    case "outputChunk": {
      const { index, offset, data } = kind.value;
      return withPicture(job, index, (picture) => ({
        ...picture,
        output: picture.output && addPart(picture.output, Number(offset), data as Uint8Array<ArrayBuffer>),
      }));
    }
    case "completed":
      return withoutPreviews({ ...job, state: "completed" });
    case "failed":
      return withoutPreviews({ ...job, state: "failed", error: kind.value.status?.message ?? "" });
    case "cancelled":
      return withoutPreviews({ ...job, state: "cancelled", error: REASONS[kind.value.reason] ?? "" });
    default:
      return job;
  }
}

const REASONS: Record<string, string> = {
  DRAINED: "The server was shut down before it was finished.",
  CALLER_GONE: "The connection that it belonged to has ended.",
};

type ProgressPreview = (Event["kind"] & { case: "progress" })["value"]["preview"];

function shown(preview: ProgressPreview): Picture["preview"] {
  if (preview?.kind.case === "image") {
    const { data, format } = preview.kind.value;
    return { kind: "image", file: new Blob([data as Uint8Array<ArrayBuffer>], { type: IMAGE_TYPES[format] ?? "" }) };
  }
  if (preview?.kind.case === "latent") return { kind: "latent", tensor: preview.kind.value };
  return undefined;
}

function withoutPreviews(job: Job): Job {
  return { ...job, position: undefined, pictures: job.pictures.map((picture) => ({ ...picture, preview: undefined })) };
}

// What the job was when all it has is on disk: an output that is half here is asked for again.
export function lost(job: Job): Job {
  return withoutPreviews({ ...job, state: "lost" });
}
