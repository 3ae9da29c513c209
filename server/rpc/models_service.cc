#include "server/rpc/models_service.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/rpc/model_messages.h"
#include "server/rpc/request.h"
#include "server/rpc/unary.h"

namespace latentd::rpc {
namespace {

constexpr int kDefaultPageSize = 50;
constexpr int kMaxPageSize = 1000;

}  // namespace

ModelsService::ModelsService(core::ModelCatalog* catalog, const core::RequestLimits& limits,
                             std::shared_ptr<Executor> executor)
    : catalog_(catalog), limits_(limits), executor_(std::move(executor)) {}

absl::StatusOr<v1::Model> ModelsService::Find(const std::string& name) const {
  const absl::StatusOr<core::ModelInfo> model = catalog_->Find(name);
  if (!model.ok()) return model.status();
  return ToProto(*model, limits_);
}

ModelsService::Unary* ModelsService::ListModels(Context* context, const Bytes* request, Bytes* response) {
  const auto list = [this](const v1::ListModelsRequest& message) -> absl::StatusOr<v1::ListModelsResponse> {
    if (message.page_size() < 0) {
      return BadRequest({{"page_size", absl::StrCat("must not be negative; got ", message.page_size())}});
    }
    const int size = message.page_size() == 0 ? kDefaultPageSize : std::min(message.page_size(), kMaxPageSize);
    std::vector<core::ModelInfo> models = catalog_->List();
    std::sort(models.begin(), models.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    // The token is the last name of the page before: models that come and go do not move the pages.
    v1::ListModelsResponse reply;
    for (const core::ModelInfo& model : models) {
      if (!message.page_token().empty() && model.name <= message.page_token()) continue;
      if (reply.models_size() == size) {
        reply.set_next_page_token(reply.models(size - 1).name().substr(sizeof("models/") - 1));
        break;
      }
      *reply.add_models() = ToProto(model, limits_);
    }
    return reply;
  };
  return Answer<v1::ListModelsRequest>(context, request, response, list);
}

ModelsService::Unary* ModelsService::GetModel(Context* context, const Bytes* request, Bytes* response) {
  const auto get = [this](const v1::GetModelRequest& message) -> absl::StatusOr<v1::Model> {
    const absl::StatusOr<std::string> name = ReadModelName("name", message.name());
    if (!name.ok()) return name.status();
    return Find(*name);
  };
  return Answer<v1::GetModelRequest>(context, request, response, get);
}

template <typename Request>
ModelsService::Unary* ModelsService::Make(Change change, Context* context, const Bytes* request, Bytes* response) {
  const std::shared_ptr<LateAnswer> call = LateAnswer::Create(context, response);
  Request message;
  if (absl::Status parsed = Parse(*request, message); !parsed.ok()) {
    call->Give<v1::Model>(parsed);
    return call.get();
  }
  const absl::StatusOr<std::string> name = ReadModelName("name", message.name());
  if (!name.ok()) {
    call->Give<v1::Model>(name.status());
    return call.get();
  }
  // `done` may come on any thread, under the catalog's lock, or after this service has gone.
  (catalog_->*change)(*name, [this, call, name = *name, executor = executor_](const absl::Status& done) {
    executor->Post([this, call, name, done] {
      if (call->finished()) return;
      call->Give<v1::Model>(done.ok() ? Find(name) : absl::StatusOr<v1::Model>(done));
    });
  });
  return call.get();
}

ModelsService::Unary* ModelsService::LoadModel(Context* context, const Bytes* request, Bytes* response) {
  return Make<v1::LoadModelRequest>(&core::ModelCatalog::Load, context, request, response);
}

ModelsService::Unary* ModelsService::UnloadModel(Context* context, const Bytes* request, Bytes* response) {
  return Make<v1::UnloadModelRequest>(&core::ModelCatalog::Unload, context, request, response);
}

ModelsService::Unary* ModelsService::ListAdapters(Context* context, const Bytes* request, Bytes* response) {
  const auto refuse = [](const v1::ListAdaptersRequest&) -> absl::StatusOr<v1::ListAdaptersResponse> {
    return RpcNotServed("latentd.v1.Models/ListAdapters");
  };
  return Answer<v1::ListAdaptersRequest>(context, request, response, refuse);
}

}  // namespace latentd::rpc
