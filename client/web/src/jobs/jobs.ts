// All jobs of this page: submitted, watched, cancelled, kept.

import { type Signal, signal } from "@preact/signals";

import { sendPicture } from "../api/blobs";
import { images } from "../api/clients";
import { persistently } from "../api/connection";
import { describe, problemOf } from "../api/errors";
import { newRequestId } from "../api/request_id";
import type { Event } from "../gen/latentd/v1/event_pb";
import type { Model } from "../gen/latentd/v1/models_pb";
import type { GenerationSpec } from "../gen/latentd/v1/spec_pb";
import { getModel } from "./catalog";
import { type Inputs, type Parameters, toSpec } from "./parameters";
import { ended, type Job, lost, newJob, type Picture, reduce } from "./reducer";
import * as store from "./store";
import { Watcher } from "./watcher";

// Newest first. Each job is a signal of its own, so that progress touches its own card only.
export const jobs = signal<Signal<Job>[]>([]);
// Set when this machine's disk takes no more jobs: they are lost with the page.
export const storeError = signal("");

const byId = (id: string): Signal<Job> | undefined => jobs.value.find((job) => job.value.id === id);
const byName = (name: string): Signal<Job> | undefined => jobs.value.find((job) => job.value.name === name);

function keep(job: Job): void {
  store.save(job).catch((error: unknown) => {
    storeError.value = String(error);
  });
}

function change(job: Signal<Job>, to: Job): void {
  job.value = to;
  keep(to);
}

const watcher = new Watcher({
  open: (watched, signal) =>
    images.watchJobs({ jobs: watched.map(({ name, sequence }) => ({ name, afterSequence: sequence })) }, { signal }),
  jobs: () =>
    jobs.value
      .map((job) => job.value)
      .filter((job) => job.name !== "" && !ended(job))
      .map(({ name, sequence }) => ({ name, sequence })),
  onEvent,
  onLost: (name) => {
    const job = byName(name);
    if (job) change(job, lost(job.value));
  },
  findLost: async (watched) => {
    const unknown = await Promise.all(watched.map(async ({ name }) => ((await exists(name)) ? [] : [name])));
    return unknown.flat();
  },
  // A refusal is an answer, too.
  probe: () => persistently(() => images.getStats({})).catch(() => {}),
});

async function exists(name: string): Promise<boolean> {
  try {
    await persistently(() => images.getJob({ name }));
    return true;
  } catch (error) {
    return problemOf(error).kind !== "not-found";
  }
}

// Models whose latents come without a map to colours, since a tiny decoder makes their previews: pictures are asked for there.
const withoutMap = new Set<string>();

function onEvent(event: Event): void {
  const job = byName(event.job);
  if (!job) return;
  const preview = event.kind.case === "progress" ? event.kind.value.preview?.kind : undefined;
  if (preview?.case === "latent" && preview.value.rgbMap.length === 0) withoutMap.add(job.value.parameters.model);
  job.value = reduce(job.value, event, Date.now());
  // Progress comes again; all else is kept.
  if (event.kind.case !== "progress" && event.kind.case !== "queued" && event.kind.case !== "heartbeat") keep(job.value);
}

// Sends it until the server has taken or refused it. The request id makes that safe, also after a reload.
async function send(job: Signal<Job>): Promise<void> {
  try {
    const { name } = await create(job.value);
    if (!byId(job.value.id)) return; // removed meanwhile
    change(job, { ...job.value, name, state: "queued" });
    if (job.value.cancelRequested) void cancelAccepted(job);
    watcher.update();
  } catch (error) {
    change(job, { ...job.value, state: "failed", error: describe(problemOf(error)) });
  }
}

async function create({ id, parameters }: Job): Promise<{ name: string }> {
  const model = await getModel(parameters.model);
  for (let triesLeft = 1; ; --triesLeft) {
    const spec = await specOf(parameters, model);
    try {
      return await persistently(() => images.createJob({ requestId: id, spec }));
    } catch (error) {
      // The server has made room since the picture was sent.
      const problem = problemOf(error);
      if (triesLeft === 0 || problem.kind !== "not-found" || problem.reason !== "BLOB_NOT_FOUND") throw error;
    }
  }
}

async function specOf(parameters: Parameters, model: Pick<Model, "tasks">): Promise<GenerationSpec> {
  const inputs: Inputs = {};
  if (parameters.image) inputs.image = await sendPicture(parameters.image);
  if (parameters.mask) inputs.mask = await sendPicture(parameters.mask);
  const preview = withoutMap.has(parameters.model) && parameters.preview === "latent" ? "image" : parameters.preview;
  return toSpec({ ...parameters, preview }, model, inputs);
}

function add(added: Job[]): void {
  const signals = added.map((job) => signal(job));
  jobs.value = [...signals, ...jobs.value];
  for (const job of signals) {
    keep(job.value);
    void send(job);
  }
}

export function submit(parameters: Parameters): void {
  add([newJob(newRequestId(), parameters, Date.now(), undefined)]);
}

// One job for each guidance, all with the same seeds: rows of a grid are seeds, columns guidance.
export function submitGrid(parameters: Parameters, seeds: number, guidances: number[]): void {
  const id = newRequestId();
  const now = Date.now();
  const seed = parameters.seed || String(crypto.getRandomValues(new Uint32Array(1))[0]);
  add(
    guidances.map((guidanceScale, column) =>
      newJob(newRequestId(), { ...parameters, seed, numImages: seeds, guidanceScale }, now - column, {
        id,
        column,
        columns: guidances,
      }),
    ),
  );
}

// In its place of the grid, if it has one.
export function runAgain(job: Job): void {
  add([newJob(newRequestId(), job.parameters, Date.now(), job.grid)]);
}

async function cancelAccepted(job: Signal<Job>): Promise<void> {
  try {
    await persistently(() => images.cancelJob({ name: job.value.name }));
  } catch (error) {
    const problem = problemOf(error);
    // Unknown to the server: the watcher finds that out, too.
    if (problem.kind !== "not-found") change(job, { ...job.value, cancelRequested: false, error: describe(problem) });
  }
}

export function cancel(job: Signal<Job>): void {
  if (ended(job.value) || job.value.cancelRequested) return;
  change(job, { ...job.value, cancelRequested: true });
  if (job.value.name !== "") void cancelAccepted(job);
}

export function forget(job: Signal<Job>): void {
  jobs.value = jobs.value.filter((each) => each !== job);
  void store.remove(job.value.id);
}

// Its finished pictures stay, as a job of these alone.
export function dismiss(job: Signal<Job>): void {
  keepOnly(job, (picture) => picture.output?.file !== undefined);
}

export function forgetPicture(job: Signal<Job>, index: number): void {
  keepOnly(job, (picture) => picture.index !== index);
}

// The job goes with its last picture.
function keepOnly(job: Signal<Job>, stays: (picture: Picture) => boolean): void {
  const pictures = job.value.pictures.filter((picture) => picture.output?.file && stays(picture));
  if (pictures.length > 0) change(job, { ...job.value, state: "completed", pictures });
  else forget(job);
}

// What an earlier visit has left: finished jobs as they are, the others are gone on with.
export async function restore(): Promise<void> {
  let kept: Job[] = [];
  try {
    kept = await store.loadAll();
  } catch (error) {
    storeError.value = String(error);
  }
  const known = new Set(jobs.value.map((job) => job.value.id));
  const signals = kept.filter(({ id }) => !known.has(id)).map((job) => signal(job));
  jobs.value = [...jobs.value, ...signals];
  for (const job of signals) if (job.value.state === "sending") void send(job);
  watcher.update();
}
