import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";

import { StatsSchema } from "../../../client/web/src/gen/latentd/v1/image_generation_pb.ts";
import { sampleOf } from "../../../client/web/src/jobs/stats.ts";

const stats = (forwards: bigint, evaluations: bigint) => create(StatsSchema, { forwards, evaluations });

test("rows in a step are the evaluations of the forwards since the last look", () => {
  expect(sampleOf(stats(14n, 120n), stats(10n, 100n)).rowsPerStep).toBe(5);
});

test("without a forward, or a look before, there are none", () => {
  expect(sampleOf(stats(10n, 100n), stats(10n, 100n)).rowsPerStep).toBe(0);
  expect(sampleOf(stats(10n, 100n), undefined).rowsPerStep).toBe(0);
});

test("a server that has started anew counts from zero", () => {
  expect(sampleOf(stats(2n, 6n), stats(10n, 100n)).rowsPerStep).toBe(3);
});
