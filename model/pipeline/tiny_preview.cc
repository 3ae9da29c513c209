#include "model/pipeline/tiny_preview.h"

#include <ATen/ops/cat.h>

#include <algorithm>
#include <vector>

#include "model/layers/network_bytes.h"
#include "model/pipeline/pixels.h"

namespace latentd::model {
namespace {

// Of one forward, so that the previews of a full batch do not take more memory than its denoising: four pictures of
// 512 x 512.
constexpr int64_t kMaxPixels = int64_t{1} << 20;

}  // namespace

int64_t TinyPreview::memory_bytes() const { return shared_ ? 0 : NetworkBytes(*autoencoder_); }

at::Tensor TinyPreview::Show(const at::Tensor& latents) const {
  const AutoencoderTinyConfig& config = autoencoder_->config();
  const int64_t scale = config.DecoderScale();
  const int64_t pixels = latents.size(2) * scale * latents.size(3) * scale;
  std::vector<at::Tensor> pictures;
  for (const at::Tensor& part : latents.split(std::max<int64_t>(1, kMaxPixels / pixels))) {
    const at::Tensor colours = autoencoder_->Decode((part / config.scaling_factor).to(options_));  // [b, 3, H, W]
    pictures.push_back(ToBytes(colours.permute({0, 2, 3, 1})));
  }
  return at::cat(pictures);
}

}  // namespace latentd::model
