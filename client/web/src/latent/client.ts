// The page's side of the worker: started when the first latent comes.

import type { LatentTensor } from "../gen/latentd/v1/event_pb";
import type { Pixels } from "./decode";
import type { DecodeRequest } from "./worker";

let worker: Worker | undefined;
let last = 0;
const waiting = new Map<number, (pixels: Pixels) => void>();

function started(): Worker {
  if (!worker) {
    worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<Pixels & { id: number }>) => {
      waiting.get(data.id)?.(data);
      waiting.delete(data.id);
    };
  }
  return worker;
}

export function decodeInWorker({ shape, dtype, data, rgbMap }: LatentTensor): Promise<Pixels> {
  return new Promise((resolve) => {
    const request: DecodeRequest = { id: ++last, latent: { shape, dtype, data }, map: rgbMap };
    waiting.set(request.id, resolve);
    started().postMessage(request);
  });
}
