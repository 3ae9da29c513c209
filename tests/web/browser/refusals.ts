// Answers that the server gives only when it is full.

import type { Route } from "playwright-core";

// A field of protobuf's wire format that has a length.
const field = (number: number, content: Buffer | string): Buffer => {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
};
const any = (type: string, message: Buffer): Buffer =>
  field(3, Buffer.concat([field(1, `type.googleapis.com/google.rpc.${type}`), field(2, message)]));

const UNAVAILABLE = 14;

// "Come back in so many seconds" (below 128), over gRPC-Web.
export async function refuse(route: Route, message: string, seconds: number): Promise<void> {
  const info = any("ErrorInfo", Buffer.concat([field(1, "QUEUE_FULL"), field(2, "latentd")]));
  const retry = any("RetryInfo", field(1, Buffer.from([8, seconds])));
  const status = Buffer.concat([Buffer.from([8, UNAVAILABLE]), field(2, message), info, retry]);
  await route.fulfill({
    status: 200,
    headers: {
      "content-type": "application/grpc-web+proto",
      "grpc-status": String(UNAVAILABLE),
      "grpc-message": message,
      "grpc-status-details-bin": status.toString("base64"),
    },
  });
}
