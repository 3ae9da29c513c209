#pragma once

#include <google/api/httpbody.pb.h>

#include "absl/status/statusor.h"
#include "latentd/v1/openai.grpc.pb.h"
#include "server/core/model_catalog.h"
#include "server/openai/images_request.h"
#include "server/rpc/event_stream.h"
#include "server/rpc/gate.h"
#include "server/rpc/image_generation_service.h"

namespace latentd::rpc {

using RawOpenAI = v1::OpenAI::WithRawCallbackMethod_GenerateImages<
    v1::OpenAI::WithRawCallbackMethod_EditImages<v1::OpenAI::WithRawCallbackMethod_ListOpenAIModels<
        v1::OpenAI::WithRawCallbackMethod_GetOpenAIModel<v1::OpenAI::Service>>>>;

// The OpenAI images API's calls, as ImageGeneration's jobs: server/openai reads the requests and words the answers.
class OpenAIService final : public RawOpenAI {
 public:
  using Context = grpc::CallbackServerContext;
  using Bytes = grpc::ByteBuffer;
  using Unary = grpc::ServerUnaryReactor;
  using Stream = grpc::ServerWriteReactor<grpc::ByteBuffer>;

  // REQUIRES: all outlive the service.
  OpenAIService(Gate gate, const StreamContext& streams, ImageGenerationService* generation,
                core::ModelCatalog* catalog)
      : gate_(gate), streams_(streams), generation_(generation), catalog_(catalog) {}

  Stream* GenerateImages(Context* context, const Bytes* request) override;
  Stream* EditImages(Context* context, const Bytes* request) override;
  Unary* ListOpenAIModels(Context* context, const Bytes* request, Bytes* response) override;
  Unary* GetOpenAIModel(Context* context, const Bytes* request, Bytes* response) override;

 private:
  using Read = absl::StatusOr<openai::ImagesRequest> (*)(absl::string_view content_type, absl::string_view body);

  // Carries out what `read` finds in the request's body.
  Stream* Make(Context* context, const Bytes* request, Read read);
  absl::StatusOr<core::Job> Submit(const Context& context, const core::Caller& caller, openai::ImagesRequest& request);

  const Gate gate_;
  const StreamContext streams_;
  ImageGenerationService* const generation_;
  core::ModelCatalog* const catalog_;
};

}  // namespace latentd::rpc
