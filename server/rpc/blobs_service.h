#pragma once

#include "latentd/v1/blobs.grpc.pb.h"
#include "server/core/blob_store.h"

namespace latentd::rpc {

using RawBlobs = v1::Blobs::WithRawCallbackMethod_PutChunk<v1::Blobs::WithRawCallbackMethod_Get<v1::Blobs::Service>>;

// Takes and shows large inputs.
class BlobsService final : public RawBlobs {
 public:
  using Context = grpc::CallbackServerContext;
  using Bytes = grpc::ByteBuffer;
  using Unary = grpc::ServerUnaryReactor;

  // REQUIRES: the store outlives the service.
  explicit BlobsService(core::BlobStore* store) : store_(store) {}

  Unary* PutChunk(Context* context, const Bytes* request, Bytes* response) override;
  Unary* Get(Context* context, const Bytes* request, Bytes* response) override;

 private:
  core::BlobStore* const store_;
};

}  // namespace latentd::rpc
