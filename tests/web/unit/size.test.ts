import { expect, test } from "vitest";

import { fitSize } from "../../../client/web/src/jobs/size.ts";

const PICTOGRAMS = { minSize: 16, maxSize: 256, sizeMultiple: 4, maxPixels: 65536n };

test.each([
  [64, 64, 64, 64],
  [65, 63, 64, 64],
  [512, 256, 256, 128],
  [1000, 10, 256, 16],
  [8, 8, 16, 16],
  [1000, 1000, 256, 256],
])("%i × %i becomes %i × %i", (width, height, fitWidth, fitHeight) => {
  expect(fitSize(width, height, PICTOGRAMS)).toEqual({ width: fitWidth, height: fitHeight });
});

test("every size becomes one that the model makes", () => {
  const limits = { minSize: 24, maxSize: 200, sizeMultiple: 8, maxPixels: 20000n };
  for (let width = 1; width < 1200; width += 37) {
    for (let height = 1; height < 1200; height += 41) {
      const size = fitSize(width, height, limits);
      for (const edge of [size.width, size.height]) {
        expect(edge % 8).toBe(0);
        expect(edge).toBeGreaterThanOrEqual(24);
        expect(edge).toBeLessThanOrEqual(200);
      }
      expect(size.width * size.height).toBeLessThanOrEqual(20000);
    }
  }
});
