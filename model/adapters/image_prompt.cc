#include "model/adapters/image_prompt.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>

#include "model/layers/network_bytes.h"
#include "model/vision/image_processor.h"

namespace latentd::model {

int64_t ImagePrompt::memory_bytes() const {
  int64_t bytes = NetworkBytes(*encoder_) + NetworkBytes(projection_->network());
  for (const Layer& layer : layers_) bytes += static_cast<int64_t>(layer.to_k.nbytes() + layer.to_v.nbytes());
  return bytes;
}

PictureTokens ImagePrompt::Encode(std::span<const at::Tensor> pictures) const {
  const auto count = static_cast<int64_t>(pictures.size());
  const at::Tensor batch = at::stack(std::vector<at::Tensor>(pictures.begin(), pictures.end()));  // [n, S, S, 3]
  at::Tensor pixels = Normalise(batch, ImageProcessorFor(encoder_->config().image_size));         // [n, 3, S, S]
  at::Tensor seen;  // of the pictures and, behind them, of none: [n + 1, P] or [n + 1, N, F]
  if (projection_->takes_states()) {
    pixels = at::cat({pixels, at::zeros_like(pixels.narrow(0, 0, 1))});
    seen = encoder_->Penultimate(pixels);
  } else {
    const at::Tensor embedded = encoder_->Embed(pixels);  // [n, P]
    seen = at::cat({embedded, at::zeros_like(embedded.narrow(0, 0, 1))});
  }
  const at::Tensor tokens = projection_->Project(seen);  // [n + 1, T, D]
  // Each on its own memory: they are kept for as long as the job runs.
  return {.positive = tokens.narrow(0, 0, count).flatten(0, 1).clone(),
          .negative = tokens[count].repeat({count, 1}).contiguous()};
}

}  // namespace latentd::model
