#pragma once

#include "latentd/v1/image_generation.pb.h"
#include "latentd/v1/models.pb.h"
#include "server/core/adapter.h"
#include "server/core/generation_request.h"
#include "server/core/model_catalog.h"
#include "server/core/stats.h"

namespace latentd::rpc {

v1::Model ToProto(const core::ModelInfo& model, const core::RequestLimits& limits);
v1::Adapter ToProto(const core::AdapterInfo& adapter);
v1::Stats ToProto(const core::Stats& stats);

}  // namespace latentd::rpc
