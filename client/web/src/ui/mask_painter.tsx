// A mask painted over a picture, by pointer or keyboard: what is painted is redrawn.

import { useEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";

import { toMask } from "./mask";
import { Slider } from "./fields";
import { edit, form } from "./form_state";
import { useFileUrl } from "./preview";

interface Point {
  x: number;
  y: number;
}

const MOVES: Record<string, Point> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

export function MaskPainter({ image }: { image: Blob }) {
  const url = useFileUrl(image);
  const canvas = useRef<HTMLCanvasElement>(null);
  const erasing = useSignal(false);
  const brush = useSignal(15); // per cent of the longer edge
  const cursor = useSignal<Point>({ x: 0.5, y: 0.5 }); // shares of width and height
  const focused = useSignal(false);
  const size = useSignal<{ width: number; height: number } | undefined>(undefined);
  const last = useRef<Point>();

  // The canvas has the picture's own size, and shows the form's mask, whoever put it there.
  const drawn = useRef<Blob>();
  const { mask } = form.value;
  useEffect(() => {
    if (!size.value || mask === drawn.current) return;
    let current = true;
    void (mask ? createImageBitmap(mask) : Promise.resolve(undefined)).then((bitmap) => {
      if (!current || !canvas.current) return;
      drawn.current = mask;
      drawMask(canvas.current, bitmap);
    });
    return () => {
      current = false;
    };
  }, [size.value, mask]);

  const paint = (from: Point, to: Point) => {
    const target = canvas.current!;
    const pen = target.getContext("2d")!;
    pen.globalCompositeOperation = erasing.value ? "destination-out" : "source-over";
    pen.strokeStyle = pen.fillStyle = "#fff";
    pen.lineWidth = Math.max(1, (brush.value / 100) * Math.max(target.width, target.height));
    pen.beginPath();
    pen.moveTo(from.x * target.width, from.y * target.height);
    pen.lineTo(to.x * target.width, to.y * target.height);
    pen.stroke();
    // The round end; a line without length draws nothing.
    pen.beginPath();
    pen.arc(to.x * target.width, to.y * target.height, pen.lineWidth / 2, 0, 2 * Math.PI);
    pen.fill();
  };
  const publish = async () => {
    drawn.current = await toMask(canvas.current!);
    edit({ mask: drawn.current });
  };
  const place = (event: PointerEvent): Point => {
    const box = canvas.current!.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const move = MOVES[event.key];
    if (move) {
      const { x, y } = cursor.value;
      cursor.value = { x: clamp(x + move.x * 0.05), y: clamp(y + move.y * 0.05) };
    } else if (event.key === " ") {
      paint(cursor.value, cursor.value);
      void publish();
    } else return;
    event.preventDefault();
  };

  return (
    <div class="painter">
      <div class="stage">
        {url && (
          <img
            src={url}
            alt="The picture to begin with"
            onLoad={({ currentTarget: { naturalWidth: width, naturalHeight: height } }) => (size.value = { width, height })}
          />
        )}
        {size.value && (
          <canvas
            ref={canvas}
            {...size.value}
            tabIndex={0}
            role="application"
            aria-label="Mask. Paint what is to be redrawn: drag, or move with the arrow keys and paint with space."
            onFocus={() => (focused.value = true)}
            onBlur={() => (focused.value = false)}
            onKeyDown={onKeyDown}
            onPointerDown={(event) => {
              event.currentTarget.setPointerCapture(event.pointerId);
              last.current = place(event);
              paint(last.current, last.current);
            }}
            onPointerMove={(event) => {
              if (!last.current) return;
              const to = place(event);
              paint(last.current, to);
              last.current = to;
            }}
            onPointerUp={() => {
              last.current = undefined;
              void publish();
            }}
          />
        )}
        {focused.value && size.value && (
          <span
            class="cursor"
            style={{
              left: `${cursor.value.x * 100}%`,
              top: `${cursor.value.y * 100}%`,
              width: `${(brush.value * Math.max(size.value.width, size.value.height)) / size.value.width}%`,
            }}
          />
        )}
      </div>
      <Slider label="Brush" value={brush.value} min={2} max={50} step={1} onChange={(value) => (brush.value = value)} />
      <div class="actions">
        <label class="check">
          <input type="checkbox" checked={erasing.value} onChange={({ currentTarget }) => (erasing.value = currentTarget.checked)} />
          Erase
        </label>
        <button type="button" disabled={!mask} onClick={() => edit({ mask: undefined })}>
          Clear the mask
        </button>
      </div>
    </div>
  );
}

const clamp = (value: number) => Math.min(1, Math.max(0, value));

// White of the file becomes paint, black nothing. Without one there is no paint.
function drawMask(target: HTMLCanvasElement, mask: ImageBitmap | undefined): void {
  const pen = target.getContext("2d")!;
  pen.globalCompositeOperation = "source-over";
  pen.clearRect(0, 0, target.width, target.height);
  if (!mask) return;
  pen.drawImage(mask, 0, 0, target.width, target.height);
  const pixels = pen.getImageData(0, 0, target.width, target.height);
  for (let i = 0; i < pixels.data.length; i += 4) pixels.data[i + 3] = pixels.data[i]! >= 128 ? 255 : 0;
  pen.putImageData(pixels, 0, 0);
}
