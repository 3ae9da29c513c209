// A clip that plays, and stops when it is told to.

import { useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";

import { FileImage, useFileUrl } from "./preview";

const still = matchMedia("(prefers-reduced-motion: reduce)");

export function Clip({ file, alt }: { file: Blob; alt: string }) {
  return file.type.startsWith("video/") ? <Video file={file} alt={alt} /> : <AnimatedImage file={file} alt={alt} />;
}

function Video({ file, alt }: { file: Blob; alt: string }) {
  const url = useFileUrl(file);
  return <video src={url} aria-label={alt} controls loop muted playsInline autoPlay={!still.matches} />;
}

// The browser has no pause for these: while it rests, a canvas shows its first frame.
function AnimatedImage({ file, alt }: { file: Blob; alt: string }) {
  const playing = useSignal(!still.matches);
  const canvas = useRef<HTMLCanvasElement>(null);
  const rest = async () => {
    const first = await createImageBitmap(file);
    const target = canvas.current;
    if (!target) return;
    target.width = first.width;
    target.height = first.height;
    target.getContext("2d")!.drawImage(first, 0, 0);
  };
  if (!playing.value) void rest();
  return (
    <div class="clip">
      {playing.value ? <FileImage file={file} alt={alt} /> : <canvas ref={canvas} role="img" aria-label={alt} />}
      <button type="button" aria-pressed={playing.value} onClick={() => (playing.value = !playing.value)}>
        {playing.value ? "Pause" : "Play"}
      </button>
    </div>
  );
}
