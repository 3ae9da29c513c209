import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";

import { BrokenOff, describe, problemOf, temporary } from "../../../client/web/src/api/errors.ts";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "../../../client/web/src/gen/google/rpc/error_details_pb.ts";

const info = (reason: string) => ({ desc: ErrorInfoSchema, value: { reason, domain: "latentd" } });

test("what fetch() throws means that nobody answers", () => {
  const error = new ConnectError("Failed to fetch", Code.Unknown, undefined, undefined, new TypeError("Failed to fetch"));
  expect(problemOf(error)).toEqual({ kind: "edge-gone" });
});

test("the edge's own UNAVAILABLE, and a stream that breaks off, mean that there is no server", () => {
  expect(problemOf(new ConnectError("no healthy upstream", Code.Unavailable))).toEqual({ kind: "server-gone" });
  expect(problemOf(new BrokenOff("early"))).toEqual({ kind: "server-gone" });
});

test("the server's UNAVAILABLE means that it is full, and when it may be asked again", () => {
  const retry = { desc: RetryInfoSchema, value: { retryDelay: { seconds: 2n } } };
  const problem = problemOf(new ConnectError("full", Code.Unavailable, undefined, [info("QUEUE_FULL"), retry]));
  expect(problem).toEqual({ kind: "busy", message: "full", retryMs: 2000 });
  expect(temporary(problem)).toBe(true);
});

test("a quota that says when there is room is waited for, another is told", () => {
  const retry = { desc: RetryInfoSchema, value: { retryDelay: { seconds: 9n } } };
  expect(problemOf(new ConnectError("quota", Code.ResourceExhausted, undefined, [retry]))).toMatchObject({ kind: "busy", retryMs: 9000 });
  expect(temporary(problemOf(new ConnectError("too large", Code.ResourceExhausted)))).toBe(false);
});

test("every field that is wrong is told by its name", () => {
  const violations = [
    { field: "spec.steps", description: "at most 1000" },
    { field: "spec.width", description: "a multiple of 4" },
  ];
  const error = new ConnectError("invalid", Code.InvalidArgument, undefined, [
    { desc: BadRequestSchema, value: { fieldViolations: violations } },
  ]);
  expect(describe(problemOf(error))).toBe("steps: at most 1000\nwidth: a multiple of 4");
});

test("what is unknown is named, with the reason", () => {
  const resource = { desc: ResourceInfoSchema, value: { resourceName: "jobs/a" } };
  const problem = problemOf(new ConnectError("gone", Code.NotFound, undefined, [info("JOB_NOT_FOUND"), resource]));
  expect(problem).toEqual({ kind: "not-found", reason: "JOB_NOT_FOUND", resource: "jobs/a", message: "gone" });
});

test("a key is asked for", () => {
  expect(problemOf(new ConnectError("who?", Code.Unauthenticated))).toEqual({ kind: "needs-key", message: "who?" });
});
