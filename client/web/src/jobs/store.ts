// Jobs on this machine's disk (IndexedDB): what is known of them survives the page, with all their pictures.

import type { Job } from "./reducer";

const DATABASE = "latentd";
const JOBS = "jobs";

let opened: Promise<IDBDatabase> | undefined;

function open(): Promise<IDBDatabase> {
  return (opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(JOBS, { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB does not open"));
  }));
}

async function transact<T>(mode: IDBTransactionMode, work: (jobs: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const transaction = (await open()).transaction(JOBS, mode);
  const request = work(transaction.objectStore(JOBS));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error ?? new Error("the write was given up"));
  });
}

// Whether all of it is there: while an output arrives, what is on disk stays as it was before, and its sequence with it.
const whole = (job: Job): boolean => job.pictures.every((picture) => picture.output?.state !== "arriving");

// Previews are not kept.
const toDisk = (job: Job): Job => ({ ...job, pictures: job.pictures.map((each) => ({ ...each, preview: undefined })) });

export async function save(job: Job): Promise<void> {
  if (whole(job)) await transact("readwrite", (jobs) => jobs.put(toDisk(job)));
}

export async function remove(id: string): Promise<void> {
  await transact("readwrite", (jobs) => jobs.delete(id));
}

// Newest first.
export async function loadAll(): Promise<Job[]> {
  const jobs = await transact<Job[]>("readonly", (store) => store.getAll());
  return jobs.sort((a, b) => b.createdAt - a.createdAt);
}
