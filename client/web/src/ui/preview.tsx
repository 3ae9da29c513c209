// The picture in the making, and files as pictures.

import { useEffect, useRef, useState } from "preact/hooks";

import type { LatentTensor } from "../gen/latentd/v1/event_pb";
import type { Picture } from "../jobs/reducer";
import { decodeInWorker } from "../latent/client";

// A URL of the file for as long as the component shows it.
export function useFileUrl(file: Blob | undefined): string | undefined {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    if (!file) return setUrl(undefined);
    const made = URL.createObjectURL(file);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);
  return url;
}

export function FileImage({ file, alt }: { file: Blob; alt: string }) {
  const url = useFileUrl(file);
  return url ? <img src={url} alt={alt} decoding="async" /> : null;
}

function LatentImage({ tensor, alt }: { tensor: LatentTensor; alt: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    let current = true;
    void decodeInWorker(tensor).then(({ width, height, rgba }) => {
      if (!current || !canvas.current) return;
      canvas.current.width = width;
      canvas.current.height = height;
      canvas.current.getContext("2d")!.putImageData(new ImageData(rgba, width, height), 0, 0);
    });
    return () => {
      current = false;
    };
  }, [tensor]);
  return <canvas ref={canvas} role="img" aria-label={alt} />;
}

export function Preview({ picture }: { picture: Picture }) {
  const { preview } = picture;
  const alt = `Preview after step ${picture.step}`;
  if (preview?.kind === "image") return <FileImage file={preview.file} alt={alt} />;
  // Without a map (the model previews by a tiny decoder) it cannot be shown.
  if (preview?.kind === "latent" && preview.tensor.rgbMap.length > 0) return <LatentImage tensor={preview.tensor} alt={alt} />;
  return <span class="placeholder" aria-hidden="true" />;
}
