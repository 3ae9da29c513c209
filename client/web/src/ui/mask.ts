// The PNG of what was painted on a canvas: white where there is paint, black elsewhere. Undefined when there is none.
export async function toMask(painted: HTMLCanvasElement): Promise<Blob | undefined> {
  const { width, height } = painted;
  const pixels = painted.getContext("2d")!.getImageData(0, 0, width, height);
  let any = false;
  for (let i = 0; i < pixels.data.length; i += 4) {
    const white = pixels.data[i + 3]! >= 128;
    any ||= white;
    pixels.data.fill(white ? 255 : 0, i, i + 3);
    pixels.data[i + 3] = 255;
  }
  if (!any) return undefined;
  const mask = document.createElement("canvas");
  mask.width = width;
  mask.height = height;
  mask.getContext("2d")!.putImageData(pixels, 0, 0);
  return new Promise((resolve) => mask.toBlob((file) => resolve(file ?? undefined), "image/png"));
}
