import { expect, test } from "vitest";

import { backoffMs } from "../../../client/web/src/api/backoff.ts";

test("each wait is up to twice as long as the one before, and at most half a minute", () => {
  const longest = [0, 1, 2, 3, 4, 5, 6, 7, 100].map((failures) => backoffMs(failures, 1));
  expect(longest).toEqual([500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
});

test("chance takes off up to half", () => {
  expect(backoffMs(2, 0)).toBe(1000);
  expect(backoffMs(2, 0.5)).toBe(1500);
});
