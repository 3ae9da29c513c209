#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "model/pipeline/diffusion_model.h"
#include "server/core/observer.h"
#include "server/engine/row.h"

namespace latentd::engine {

// The last stage: finished latents become pictures, clips or files of latents, are looked at by the model's safety
// checker, and are handed to their jobs' publishers. The engine thread calls it; throws what model/ throws, and nothing
// is published then.
class RowDecoder {
 public:
  // `observer` may be null. `withhold_flagged`: what the checker flags is not shown.
  RowDecoder(core::Observer* observer, bool withhold_flagged)
      : observer_(observer), withhold_flagged_(withhold_flagged) {}

  // Rows of one model and shape.
  void Decode(const std::vector<Row*>& rows, model::DiffusionModel& model) const;

 private:
  void DecodeClips(const std::vector<Row*>& rows, model::DiffusionModel& model) const;
  // Counts what is flagged, and tells so instead of showing it when that is the policy.
  bool IsWithheld(const Row& row, bool flagged) const;

  core::Observer* const observer_;
  const bool withhold_flagged_;
};

}  // namespace latentd::engine
