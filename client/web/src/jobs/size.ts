// The size that a model can make which is nearest to a picture's.

export interface SizeLimits {
  minSize: number;
  maxSize: number;
  sizeMultiple: number;
  maxPixels: bigint;
}

export function fitSize(width: number, height: number, limits: SizeLimits): { width: number; height: number } {
  const multiple = limits.sizeMultiple || 1;
  const largest = limits.maxSize || Infinity;
  const pixels = Number(limits.maxPixels) || Infinity;
  const shrink = Math.min(1, largest / Math.max(width, height), Math.sqrt(pixels / (width * height)));
  const grow = Math.max(1, limits.minSize / (Math.min(width, height) * shrink));
  // Downwards, so that it stays within the limits; the smallest is a multiple itself.
  const fit = (edge: number) => {
    const rounded = Math.round((edge * shrink * grow) / multiple) * multiple;
    return Math.max(limits.minSize, Math.min(rounded, Math.floor(largest / multiple) * multiple));
  };
  const size = { width: fit(width), height: fit(height) };
  while (size.width * size.height > pixels) {
    if (size.width > size.height) size.width -= multiple;
    else size.height -= multiple;
  }
  return size;
}
