#pragma once

#include <utility>
#include <vector>

#include "model/samplers/sampler_config.h"
#include "server/core/model_catalog.h"
#include "server/core/mutex.h"

namespace latentd::engine {

// What models say of the samplers that they offer. How many steps each takes is found by making it, which takes a tenth
// of a second: models of the same schedule share the answer. Thread-safe.
class SamplerInfos {
 public:
  std::vector<core::SamplerInfo> Of(const model::SamplerConfig& config);

 private:
  core::Mutex mutex_;
  std::vector<std::pair<model::SamplerConfig, std::vector<core::SamplerInfo>>> known_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace latentd::engine
