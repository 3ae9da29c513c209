// What an error of a call means for the person at the page.

import { Code, ConnectError } from "@connectrpc/connect";

import { BadRequestSchema, ErrorInfoSchema, ResourceInfoSchema, RetryInfoSchema } from "../gen/google/rpc/error_details_pb";
import { durationMs } from "@bufbuild/protobuf/wkt";

export type Problem =
  // Nobody answers: no network, or the edge is down.
  | { kind: "edge-gone" }
  // The edge answers, but has no server behind it.
  | { kind: "server-gone" }
  // The server takes no more now (queue full, draining).
  | { kind: "busy"; message: string; retryMs: number | undefined }
  | { kind: "needs-key"; message: string }
  | { kind: "not-found"; reason: string; resource: string; message: string }
  | { kind: "refused"; message: string; fields: { field: string; message: string }[] }
  // It went wrong there or on the way.
  | { kind: "failed"; message: string };

// A call ended before its answer was complete.
export class BrokenOff extends Error {}

export function problemOf(error: unknown): Problem {
  if (error instanceof BrokenOff) return { kind: "server-gone" };
  const failed = ConnectError.from(error);
  const info = failed.findDetails(ErrorInfoSchema)[0];
  const message = failed.rawMessage;
  // What the browser's fetch() throws; an answer in parts that breaks off throws the same.
  if (failed.cause instanceof TypeError) return { kind: "edge-gone" };
  const delay = failed.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const retryMs = delay && durationMs(delay);
  // A quota that says when there is room again.
  if (failed.code === Code.ResourceExhausted && retryMs !== undefined) return { kind: "busy", message, retryMs };
  switch (failed.code) {
    case Code.Unavailable:
      // Envoy's own errors have no details.
      return info ? { kind: "busy", message, retryMs } : { kind: "server-gone" };
    case Code.Unauthenticated:
      return { kind: "needs-key", message };
    case Code.NotFound: {
      const resource = failed.findDetails(ResourceInfoSchema)[0]?.resourceName ?? "";
      return { kind: "not-found", reason: info?.reason ?? "", resource, message };
    }
    case Code.Canceled:
    case Code.Unknown:
    case Code.DeadlineExceeded:
    case Code.Aborted:
    case Code.Internal:
    case Code.DataLoss:
      return { kind: "failed", message };
    default: {
      const violations = failed.findDetails(BadRequestSchema).flatMap((each) => each.fieldViolations);
      const fields = violations.map((each) => ({ field: each.field, message: each.description }));
      return { kind: "refused", message, fields };
    }
  }
}

export const temporary = (problem: Problem): boolean =>
  problem.kind === "edge-gone" || problem.kind === "server-gone" || problem.kind === "busy";

export function describe(problem: Problem): string {
  switch (problem.kind) {
    case "edge-gone":
      return "The service cannot be reached.";
    case "server-gone":
      return "The image server does not answer.";
    case "busy":
    case "needs-key":
    case "not-found":
    case "failed":
      return problem.message;
    case "refused":
      return problem.fields.length > 0
        ? problem.fields.map(({ field, message }) => `${field.replace(/^spec\./, "")}: ${message}`).join("\n")
        : problem.message;
  }
}
