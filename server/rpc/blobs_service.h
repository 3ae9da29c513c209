#pragma once

#include "latentd/v1/blobs.grpc.pb.h"
#include "server/core/blob_store.h"
#include "server/rpc/gate.h"

namespace latentd::rpc {

using RawBlobs = v1::Blobs::WithRawCallbackMethod_PutChunk<v1::Blobs::WithRawCallbackMethod_Get<v1::Blobs::Service>>;

// Takes and shows large inputs.
class BlobsService final : public RawBlobs {
 public:
  using Context = grpc::CallbackServerContext;
  using Bytes = grpc::ByteBuffer;
  using Unary = grpc::ServerUnaryReactor;

  // REQUIRES: the store outlives the service.
  BlobsService(Gate gate, core::BlobStore* store) : gate_(gate), store_(store) {}

  Unary* PutChunk(Context* context, const Bytes* request, Bytes* response) override;
  Unary* Get(Context* context, const Bytes* request, Bytes* response) override;

 private:
  const Gate gate_;
  core::BlobStore* const store_;
};

}  // namespace latentd::rpc
