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

  // Frames of each clip that one call decodes. A clip that is cancelled keeps the device no longer than that.
  static constexpr int kFramesAtOnce = 4;

  // Rows of one model and shape. Those that are done are marked (Row::decoded); clips may take several calls.
  void Decode(const std::vector<Row*>& rows, model::DiffusionModel& model) const;

 private:
  void DecodePictures(const std::vector<Row*>& rows, model::DiffusionModel& model) const;
  void DecodeFrames(Row& clip, model::DiffusionModel& model) const;
  // Counts what is flagged, and tells so instead of showing it when that is the policy.
  bool IsWithheld(const Row& row, bool flagged) const;

  core::Observer* const observer_;
  const bool withhold_flagged_;
};

}  // namespace latentd::engine
