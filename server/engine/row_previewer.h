#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "model/pipeline/diffusion_model.h"
#include "server/core/event.h"
#include "server/engine/row.h"

namespace latentd::engine {

// What rows show of the steps that they have ended. Belongs to the engine thread.
class RowPreviewer {
 public:
  // At most one of the two.
  struct Preview {
    at::Tensor picture;  // uint8 [h, w, 3] on the CPU, to be encoded; undefined for none
    std::optional<core::LatentPreview> latent;
  };

  // `withhold_flagged`: what the model's safety checker flags is not shown.
  explicit RowPreviewer(bool withhold_flagged) : withhold_flagged_(withhold_flagged) {}

  // For each row what it wants to show of `clean`, the latent [C, h, w] that its step has predicted. Rows of one model
  // and shape: all their pictures are made together. What cannot be made, or not be looked at, is left out.
  std::vector<Preview> Make(const std::vector<Row*>& rows, const std::vector<at::Tensor>& clean,
                            const model::DiffusionModel& model);

 private:
  const bool withhold_flagged_;
  bool failed_ = false;
};

}  // namespace latentd::engine
