#pragma once

#include <functional>

#include "latentd/v1/image_generation.grpc.pb.h"
#include "server/core/stats.h"
#include "server/rpc/event_stream.h"
#include "server/rpc/gate.h"
#include "server/rpc/own_jobs.h"
#include "server/rpc/request.h"

namespace latentd::rpc {

// The service of that name with every method taking raw bytes; see wire.h for why.
using RawImageGeneration = v1::ImageGeneration::WithRawCallbackMethod_Generate<
    v1::ImageGeneration::WithRawCallbackMethod_CreateJob<v1::ImageGeneration::WithRawCallbackMethod_GetJob<
        v1::ImageGeneration::WithRawCallbackMethod_ListJobs<v1::ImageGeneration::WithRawCallbackMethod_CancelJob<
            v1::ImageGeneration::WithRawCallbackMethod_DeleteJob<v1::ImageGeneration::WithRawCallbackMethod_WatchJob<
                v1::ImageGeneration::WithRawCallbackMethod_WatchJobs<
                    v1::ImageGeneration::WithRawCallbackMethod_GetOutput<
                        v1::ImageGeneration::WithRawCallbackMethod_GetStats<v1::ImageGeneration::Service>>>>>>>>>>;

// Reads requests, calls the store (on StreamContext::calls: it may have to be waited for), writes its answers.
class ImageGenerationService final : public RawImageGeneration {
 public:
  using Context = grpc::CallbackServerContext;
  using Bytes = grpc::ByteBuffer;
  using Unary = grpc::ServerUnaryReactor;
  using Stream = grpc::ServerWriteReactor<grpc::ByteBuffer>;

  ImageGenerationService(Gate gate, CallLog* calls, StreamContext streams, RequestContext requests,
                         std::function<core::Stats()> stats);

  Stream* Generate(Context* context, const Bytes* request) override;
  Stream* WatchJob(Context* context, const Bytes* request) override;
  Stream* WatchJobs(Context* context, const Bytes* request) override;
  Unary* CreateJob(Context* context, const Bytes* request, Bytes* response) override;
  Unary* GetJob(Context* context, const Bytes* request, Bytes* response) override;
  Unary* ListJobs(Context* context, const Bytes* request, Bytes* response) override;
  Unary* CancelJob(Context* context, const Bytes* request, Bytes* response) override;
  Unary* DeleteJob(Context* context, const Bytes* request, Bytes* response) override;
  Unary* GetOutput(Context* context, const Bytes* request, Bytes* response) override;
  Unary* GetStats(Context* context, const Bytes* request, Bytes* response) override;

  // How every job begins, whatever service is asked for it.
  absl::StatusOr<core::Job> Submit(const Context& context, const core::Caller& caller, const v1::GenerationSpec& spec,
                                   const v1::JobOptions& options, core::CreateOptions create);

 private:
  // Of jobs that are the caller's, unless one is not.
  Stream* Watch(Context* context, const core::Caller& caller, std::vector<EventStream::Place> places);
  OwnJobs JobsOf(const core::Caller& caller) const { return {streams_.store, caller}; }

  const Gate gate_;
  CallLog* const calls_;
  const StreamContext streams_;
  const RequestContext requests_;
  const std::function<core::Stats()> stats_;
};

}  // namespace latentd::rpc
