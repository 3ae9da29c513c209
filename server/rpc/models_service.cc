#include "server/rpc/models_service.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "server/rpc/model_messages.h"
#include "server/rpc/page_size.h"
#include "server/rpc/request.h"
#include "server/rpc/resource_names.h"
#include "server/rpc/unary.h"

namespace latentd::rpc {
namespace {

// A page of `all`, in the order of their names. The token is the last name of the page before: what comes and goes does
// not move the pages.
template <typename Response, typename Request, typename Info, typename Add>
absl::StatusOr<Response> ListPage(const Request& message, std::vector<Info> all, const Add& add) {
  if (auto violation = CheckPageSize(message.page_size())) return BadRequest({*std::move(violation)});
  const int size = PageSize(message.page_size());
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  Response page;
  std::string last;
  int shown = 0;
  for (const Info& info : all) {
    if (!message.page_token().empty() && info.name <= message.page_token()) continue;
    if (shown++ == size) {
      page.set_next_page_token(last);
      break;
    }
    add(info, page);
    last = info.name;
  }
  return page;
}

}  // namespace

ModelsService::ModelsService(Gate gate, core::ModelCatalog* catalog, core::AdapterCatalog* adapters,
                             const core::RequestLimits& limits, std::shared_ptr<Executor> executor)
    : gate_(gate), catalog_(catalog), adapters_(adapters), limits_(limits), executor_(std::move(executor)) {}

v1::Model ModelsService::Show(const core::ModelInfo& model) const {
  v1::Model shown = ToProto(model, limits_);
  for (const core::AdapterInfo& adapter : adapters_->ListAdapters()) {
    if (core::MayFit(adapter, model)) shown.add_adapters(adapter.name);
  }
  return shown;
}

absl::StatusOr<v1::Model> ModelsService::Find(const std::string& name) const {
  const absl::StatusOr<core::ModelInfo> model = catalog_->Find(name);
  if (!model.ok()) return model.status();
  return Show(*model);
}

ModelsService::Unary* ModelsService::ListModels(Context* context, const Bytes* request, Bytes* response) {
  const auto list = [this](const core::Caller&, const v1::ListModelsRequest& message) {
    return ListPage<v1::ListModelsResponse>(
        message, catalog_->List(),
        [this](const core::ModelInfo& model, v1::ListModelsResponse& page) { *page.add_models() = Show(model); });
  };
  return Answer<v1::ListModelsRequest>(gate_, std::nullopt, context, request, response, list);
}

ModelsService::Unary* ModelsService::GetModel(Context* context, const Bytes* request, Bytes* response) {
  const auto get = [this](const core::Caller&, const v1::GetModelRequest& message) -> absl::StatusOr<v1::Model> {
    const absl::StatusOr<std::string> name = ReadModelName("name", message.name());
    if (!name.ok()) return name.status();
    return Find(*name);
  };
  return Answer<v1::GetModelRequest>(gate_, std::nullopt, context, request, response, get);
}

template <typename Request>
ModelsService::Unary* ModelsService::Make(Change change, Context* context, const Bytes* request, Bytes* response) {
  const std::shared_ptr<LateAnswer> call = LateAnswer::Create(context, response);
  Request message;
  const auto caller = AdmitAndParse(gate_, core::Role::kAdmin, *context, *request, message);
  if (!caller.ok()) {
    call->Give<v1::Model>(caller.status());
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
  const auto list = [this](const core::Caller&, const v1::ListAdaptersRequest& message) {
    return ListPage<v1::ListAdaptersResponse>(message, adapters_->ListAdapters(),
                                              [](const core::AdapterInfo& adapter, v1::ListAdaptersResponse& page) {
                                                *page.add_adapters() = ToProto(adapter);
                                              });
  };
  return Answer<v1::ListAdaptersRequest>(gate_, std::nullopt, context, request, response, list);
}

}  // namespace latentd::rpc
