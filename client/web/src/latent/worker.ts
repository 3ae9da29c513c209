// Decodes latents away from the page's own thread.

import { decodeLatent, type Latent } from "./decode";

export interface DecodeRequest {
  id: number;
  latent: Latent;
  map: number[];
}

addEventListener("message", ({ data: { id, latent, map } }: MessageEvent<DecodeRequest>) => {
  const { width, height, rgba } = decodeLatent(latent, map);
  postMessage({ id, width, height, rgba }, { transfer: [rgba.buffer] });
});
