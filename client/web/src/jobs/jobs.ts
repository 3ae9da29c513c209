// All jobs of this page: submitted, watched, cancelled, kept.

import { effect, type Signal, signal } from "@preact/signals";

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
// Why the server does not let this page watch its jobs.
export const watchError = signal("");

const byId = (id: string): Signal<Job> | undefined => jobs.value.find((job) => job.value.id === id);
const byName = (name: string): Signal<Job> | undefined => jobs.value.find((job) => job.value.name === name);

async function keep(job: Job): Promise<void> {
  try {
    await store.save(job);
  } catch (error) {
    storeError.value = String(error);
  }
}

function change(job: Signal<Job>, to: Partial<Job>): void {
  job.value = { ...job.value, ...to };
  void keep(job.value);
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
  onRefused: (reason) => (watchError.value = reason),
  // A refusal is an answer, too.
  probe: () => persistently(() => images.getStats({})).catch(() => {}),
});

export function watchAgain(): void {
  watchError.value = "";
  watcher.update();
}

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

function withPreview(parameters: Parameters): Parameters {
  return parameters.preview === "latent" && withoutMap.has(parameters.model) ? { ...parameters, preview: "image" } : parameters;
}

function onEvent(event: Event): void {
  const job = byName(event.job);
  if (!job) return;
  const preview = event.kind.case === "progress" ? event.kind.value.preview?.kind : undefined;
  if (preview?.case === "latent" && preview.value.rgbMap.length === 0) withoutMap.add(job.value.parameters.model);
  job.value = reduce(job.value, event, Date.now());
  // Progress comes again; all else is kept.
  if (event.kind.case !== "progress" && event.kind.case !== "queued" && event.kind.case !== "heartbeat") void keep(job.value);
}

// Sends it until the server has taken or refused it, or it is withdrawn. The request id makes that safe, also after a reload.
async function send(job: Signal<Job>): Promise<void> {
  const withdrawn = new AbortController();
  const stop = effect(() => {
    if (ended(job.value)) withdrawn.abort();
  });
  try {
    const { name } = await create(job, withdrawn.signal);
    if (!byId(job.value.id)) return; // removed meanwhile
    change(job, { name, state: "queued" });
    if (job.value.cancelRequested) void cancelAccepted(job);
    watchAgain();
  } catch (error) {
    if (!ended(job.value)) change(job, { state: "failed", error: describe(problemOf(error)) });
  } finally {
    stop();
  }
}

async function create(job: Signal<Job>, withdrawn: AbortSignal): Promise<{ name: string }> {
  const { parameters } = job.value;
  const model = await getModel(parameters.model, withdrawn);
  for (let triesLeft = 1; ; --triesLeft) {
    const spec = await specOf(parameters, model, withdrawn);
    try {
      return await persistently(() => tryToSend(job, spec), withdrawn);
    } catch (error) {
      // The server has made room since the picture was sent.
      const problem = problemOf(error);
      if (triesLeft === 0 || problem.kind !== "not-found" || problem.reason !== "BLOB_NOT_FOUND") throw error;
    }
  }
}

async function tryToSend(job: Signal<Job>, spec: GenerationSpec): Promise<{ name: string }> {
  const { id, unsent } = job.value;
  job.value = { ...job.value, unsent: false };
  await keep(job.value);
  try {
    return await images.createJob({ requestId: id, spec });
  } catch (error) {
    // The server has answered that it does not take it.
    const refused = ["busy", "needs-key", "not-found"].includes(problemOf(error).kind);
    if (unsent && refused) change(job, job.value.cancelRequested ? { state: "cancelled" } : { unsent });
    throw error;
  }
}

async function specOf(parameters: Parameters, model: Pick<Model, "tasks">, withdrawn: AbortSignal): Promise<GenerationSpec> {
  const inputs: Inputs = {};
  if (parameters.image) inputs.image = await sendPicture(parameters.image, withdrawn);
  if (parameters.mask) inputs.mask = await sendPicture(parameters.mask, withdrawn);
  return toSpec(parameters, model, inputs);
}

// What is sent of a job stays as it is from here on: sent again, it must be the same.
function add(added: Job[]): void {
  const signals = added.map((job) => signal({ ...job, parameters: withPreview(job.parameters) }));
  jobs.value = [...signals, ...jobs.value];
  for (const job of signals) {
    void keep(job.value);
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
    if (problem.kind !== "not-found") change(job, { cancelRequested: false, error: describe(problem) });
  }
}

export function cancel(job: Signal<Job>): void {
  if (ended(job.value) || job.value.cancelRequested) return;
  if (job.value.unsent) return change(job, { state: "cancelled" });
  change(job, { cancelRequested: true });
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
  if (pictures.length > 0) change(job, { state: "completed", pictures });
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
  for (const job of signals) {
    if (job.value.state === "sending") void send(job);
    else if (job.value.cancelRequested && !ended(job.value)) void cancelAccepted(job);
  }
  watcher.update();
}
