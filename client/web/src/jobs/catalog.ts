// What the server can make pictures with.

import { signal } from "@preact/signals";

import { models as client } from "../api/clients";
import { persistently } from "../api/connection";
import { describe, problemOf } from "../api/errors";
import { type Adapter, Adapter_Kind, type Model } from "../gen/latentd/v1/models_pb";
import { shortName } from "./parameters";

export const models = signal<Model[]>([]);
export const adapters = signal<Adapter[]>([]);
export const catalogState = signal("Asking for the models …");

let known: () => void;
// Resolves once there are models.
export const catalogKnown = new Promise<void>((resolve) => (known = resolve));

async function allPages<T>(page: (pageToken: string) => Promise<{ items: T[]; nextPageToken: string }>): Promise<T[]> {
  const all: T[] = [];
  let token = "";
  do {
    const { items, nextPageToken } = await persistently(() => page(token));
    all.push(...items);
    token = nextPageToken;
  } while (token !== "");
  return all;
}

export async function loadCatalog(): Promise<void> {
  const page = async (pageToken: string) => {
    const { models: items, nextPageToken } = await client.listModels({ pageToken });
    return { items, nextPageToken };
  };
  const adapterPage = async (pageToken: string) => {
    const { adapters: items, nextPageToken } = await client.listAdapters({ pageToken });
    return { items, nextPageToken };
  };
  try {
    [models.value, adapters.value] = await Promise.all([allPages(page), allPages(adapterPage)]);
    catalogState.value = models.value.length === 0 ? "This server has no models." : "";
    if (models.value.length > 0) known();
  } catch (error) {
    catalogState.value = describe(problemOf(error));
  }
}

// By its short name; asked of the server, since jobs of an earlier visit may come before the list.
export async function getModel(name: string, signal: AbortSignal): Promise<Model> {
  const known = models.value.find((model) => shortName(model.name) === name);
  return known ?? persistently(() => client.getModel({ name: `models/${name}` }), signal);
}

export function adaptersOf(model: Model, kind: Adapter_Kind): string[] {
  const fitting = new Set(model.adapters.map(shortName));
  return adapters.value.filter((each) => each.kind === kind && fitting.has(shortName(each.name))).map((each) => shortName(each.name));
}
