#include "server/rpc/openai_service.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/openai/errors.h"
#include "server/openai/images_answer.h"
#include "server/openai/models.h"
#include "server/rpc/request.h"
#include "server/rpc/unary.h"
#include "server/rpc/wire.h"

namespace latentd::rpc {
namespace {

google::api::HttpBody ToHttpBody(const char* media_type, std::string data) {
  google::api::HttpBody body;
  body.set_content_type(media_type);
  body.set_data(std::move(data));
  return body;
}

// Events as pieces of an HTTP body.
class BodyPieces final : public EventFormat {
 public:
  explicit BodyPieces(std::unique_ptr<openai::ImagesAnswer> answer) : answer_(std::move(answer)) {}

  std::vector<grpc::ByteBuffer> Tell(const std::string& /*job*/, const core::Event& event,
                                     absl::Status& ending) override {
    return ToMessages(answer_->Tell(event, ending));
  }

  std::vector<grpc::ByteBuffer> BreakOff(absl::Status& ending) override {
    ending = openai::ForCaller(ending);
    return ToMessages(answer_->BreakOff(ending));
  }

  bool can_be_taken_up() const override { return false; }

  std::optional<grpc::ByteBuffer> Heartbeat(absl::Time /*now*/) override {
    std::string piece = answer_->Heartbeat();
    if (piece.empty()) return std::nullopt;
    return ToMessage(std::move(piece));
  }

 private:
  grpc::ByteBuffer ToMessage(std::string piece) const {
    return Serialize(ToHttpBody(answer_->media_type(), std::move(piece)));
  }

  std::vector<grpc::ByteBuffer> ToMessages(std::vector<std::string> pieces) const {
    std::vector<grpc::ByteBuffer> messages;
    messages.reserve(pieces.size());
    for (std::string& piece : pieces) messages.push_back(ToMessage(std::move(piece)));
    return messages;
  }

  const std::unique_ptr<openai::ImagesAnswer> answer_;
};

}  // namespace

absl::StatusOr<core::Job> OpenAIService::Submit(const Context& context, const core::Caller& caller,
                                                openai::ImagesRequest& request) {
  if (request.partial_images > 0) {
    // One that is not there is refused by name.
    const absl::StatusOr<core::ModelInfo> model = catalog_->Find(request.spec.model());
    if (model.ok()) openai::SpreadPartialImages(request, model->default_steps);
  }
  absl::StatusOr<core::Job> job = generation_->Submit(context, caller, request.spec, request.options, {});
  if (!job.ok()) return openai::ForCaller(job.status());
  return job;
}

OpenAIService::Stream* OpenAIService::Make(Context* context, const Bytes* request, Read read) {
  const auto caller = gate_.Admit(*context, core::Role::kGenerate);
  if (!caller.ok()) return EventStream::Refuse(context, caller.status());
  return EventStream::Start(
      streams_, context, [this, context, request, read, caller = *caller]() -> absl::StatusOr<EventStream::Subject> {
        google::api::HttpBody body;
        if (absl::Status parsed = Parse(*request, body); !parsed.ok()) return parsed;
        absl::StatusOr<openai::ImagesRequest> wish = read(body.content_type(), body.data());
        if (!wish.ok()) return wish.status();
        const absl::StatusOr<core::Job> job = Submit(*context, caller, *wish);
        if (!job.ok()) return job.status();
        return EventStream::Subject::Own(job->name, std::make_unique<BodyPieces>(openai::ImagesAnswer::To(*wish)));
      });
}

OpenAIService::Stream* OpenAIService::GenerateImages(Context* context, const Bytes* request) {
  return Make(context, request, openai::ReadGeneration);
}

OpenAIService::Stream* OpenAIService::EditImages(Context* context, const Bytes* request) {
  return Make(context, request, openai::ReadEdit);
}

OpenAIService::Unary* OpenAIService::ListOpenAIModels(Context* context, const Bytes* request, Bytes* response) {
  const auto list = [this](const core::Caller&,
                           const v1::ListOpenAIModelsRequest&) -> absl::StatusOr<google::api::HttpBody> {
    return ToHttpBody("application/json", openai::ShowModels(catalog_->List()));
  };
  return Answer<v1::ListOpenAIModelsRequest>(gate_, std::nullopt, context, request, response, list);
}

OpenAIService::Unary* OpenAIService::GetOpenAIModel(Context* context, const Bytes* request, Bytes* response) {
  const auto get = [this](const core::Caller&,
                          const v1::GetOpenAIModelRequest& message) -> absl::StatusOr<google::api::HttpBody> {
    const absl::StatusOr<core::ModelInfo> model = catalog_->Find(message.model());
    if (!model.ok()) return model.status();
    return ToHttpBody("application/json", openai::ShowModel(*model));
  };
  return Answer<v1::GetOpenAIModelRequest>(gate_, std::nullopt, context, request, response, get);
}

}  // namespace latentd::rpc
