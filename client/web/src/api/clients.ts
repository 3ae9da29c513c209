// The service's three clients, over gRPC-Web to where the page came from.

import { createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";

import { Blobs } from "../gen/latentd/v1/blobs_pb";
import { ImageGeneration } from "../gen/latentd/v1/image_generation_pb";
import { Models } from "../gen/latentd/v1/models_pb";
import { apiKey } from "./key";

const withKey: Interceptor = (next) => (request) => {
  if (apiKey.value !== "") request.header.set("authorization", `Bearer ${apiKey.value}`);
  return next(request);
};

const transport = createGrpcWebTransport({ baseUrl: location.origin, interceptors: [withKey] });

export const images = createClient(ImageGeneration, transport);
export const models = createClient(Models, transport);
export const blobs = createClient(Blobs, transport);
