#pragma once

#include "latentd/v1/blobs.grpc.pb.h"

namespace latentd::rpc {

using RawBlobs = v1::Blobs::WithRawCallbackMethod_PutChunk<v1::Blobs::WithRawCallbackMethod_Get<v1::Blobs::Service>>;

// Large inputs belong to tasks that this version does not serve: every RPC says so.
class BlobsService final : public RawBlobs {
 public:
  grpc::ServerUnaryReactor* PutChunk(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Get(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                grpc::ByteBuffer* response) override;
};

}  // namespace latentd::rpc
