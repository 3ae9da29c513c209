#pragma once

#include <vector>

#include "model/pipeline/diffusion_model.h"
#include "server/core/observer.h"
#include "server/engine/conditioning_cache.h"
#include "server/engine/row.h"

namespace latentd::engine {

// The first stage: what rows begin with. Prompts are looked up in a cache and encoded together; what a job brings along
// is encoded once for all its rows. The engine thread calls it; throws what model/ throws, and can be called again
// then: nothing that counts has changed.
class RowEncoder {
 public:
  // `observer` may be null.
  RowEncoder(int64_t cache_bytes, core::Observer* observer) : cache_(cache_bytes), observer_(observer) {}

  // Rows of one model, at their beginning. A job whose first row this is has started, which is published.
  void Encode(const std::vector<Row*>& rows, model::DiffusionModel& model);

 private:
  void EncodePrompts(const std::vector<Row*>& rows, model::DiffusionModel& model);

  ConditioningCache cache_;
  core::Observer* const observer_;
};

}  // namespace latentd::engine
