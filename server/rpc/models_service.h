#pragma once

#include <memory>

#include "latentd/v1/models.grpc.pb.h"
#include "server/core/adapter.h"
#include "server/core/generation_request.h"
#include "server/core/model_catalog.h"
#include "server/rpc/executor.h"
#include "server/rpc/gate.h"

namespace latentd::rpc {

using RawModels = v1::Models::WithRawCallbackMethod_ListModels<v1::Models::WithRawCallbackMethod_GetModel<
    v1::Models::WithRawCallbackMethod_LoadModel<v1::Models::WithRawCallbackMethod_UnloadModel<
        v1::Models::WithRawCallbackMethod_ListAdapters<v1::Models::Service>>>>>;

// Shows the catalog, loads and unloads.
class ModelsService final : public RawModels {
 public:
  using Context = grpc::CallbackServerContext;
  using Bytes = grpc::ByteBuffer;
  using Unary = grpc::ServerUnaryReactor;

  // REQUIRES: the catalogs are used until the executor is stopped.
  ModelsService(Gate gate, core::ModelCatalog* catalog, core::AdapterCatalog* adapters,
                const core::RequestLimits& limits, std::shared_ptr<Executor> executor);

  Unary* ListModels(Context* context, const Bytes* request, Bytes* response) override;
  Unary* GetModel(Context* context, const Bytes* request, Bytes* response) override;
  Unary* LoadModel(Context* context, const Bytes* request, Bytes* response) override;
  Unary* UnloadModel(Context* context, const Bytes* request, Bytes* response) override;
  Unary* ListAdapters(Context* context, const Bytes* request, Bytes* response) override;

 private:
  using Change = void (core::ModelCatalog::*)(const std::string& name, std::function<void(absl::Status)> done);

  v1::Model Show(const core::ModelInfo& model) const;
  absl::StatusOr<v1::Model> Find(const std::string& name) const;

  // Answers with the model once the catalog has done it.
  template <typename Request>
  Unary* Make(Change change, Context* context, const Bytes* request, Bytes* response);

  const Gate gate_;
  core::ModelCatalog* const catalog_;
  core::AdapterCatalog* const adapters_;
  const core::RequestLimits limits_;
  const std::shared_ptr<Executor> executor_;
};

}  // namespace latentd::rpc
