#pragma once

#include "latentd/v1/blobs.grpc.pb.h"
#include "server/core/blob_store.h"
#include "server/rpc/executor.h"
#include "server/rpc/gate.h"

namespace latentd::rpc {

using RawBlobs = v1::Blobs::WithRawCallbackMethod_PutChunk<v1::Blobs::WithRawCallbackMethod_Get<v1::Blobs::Service>>;

// Takes and shows large inputs.
class BlobsService final : public RawBlobs {
 public:
  using Context = grpc::CallbackServerContext;
  using Bytes = grpc::ByteBuffer;
  using Unary = grpc::ServerUnaryReactor;

  // The store, which may have to be waited for, is called on the executor. REQUIRES: both outlive the service.
  BlobsService(Gate gate, core::BlobStore* store, Executor* executor)
      : gate_(gate), store_(store), executor_(executor) {}

  Unary* PutChunk(Context* context, const Bytes* request, Bytes* response) override;
  Unary* Get(Context* context, const Bytes* request, Bytes* response) override;

 private:
  const Gate gate_;
  core::BlobStore* const store_;
  Executor* const executor_;
};

}  // namespace latentd::rpc
