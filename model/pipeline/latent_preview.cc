#include "model/pipeline/latent_preview.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_solve.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/upsample_bicubic2d.h>

#include <vector>

#include "model/pipeline/pixels.h"

namespace latentd::model {
namespace {

constexpr int64_t kPictures = 4;
constexpr int64_t kLatentEdge = 16;
constexpr int64_t kColourEdge = 5;        // patches of colour along an edge
constexpr uint64_t kSeed = 20260101;      // any: the fit hardly depends on it
constexpr double kRegularisation = 1e-3;  // keeps channels that carry no colour near zero

// [n, C, h, w] -> [n·h·w, C], float64 on the CPU.
at::Tensor AsSamples(const at::Tensor& maps) {
  return maps.to(at::kCPU, at::kDouble).permute({0, 2, 3, 1}).reshape({-1, maps.size(1)});
}

at::Tensor WithConstant(const at::Tensor& samples) {  // [n, C] -> [n, C + 1]
  return at::cat({samples, at::ones({samples.size(0), 1}, samples.options())}, 1);
}

}  // namespace

LatentPreview LatentPreview::Fit(const Codec& codec) {
  const int64_t scale = codec.scale();
  at::Generator generator = at::detail::createCPUGenerator(kSeed);
  const at::Tensor patches = at::rand({kPictures, 3, kColourEdge, kColourEdge}, generator) * 2.4 - 1.2;
  const at::Tensor pictures =  // [n, 3, H, W]
      at::upsample_bicubic2d(patches, {kLatentEdge * scale, kLatentEdge * scale}, /*align_corners=*/true).clamp(-1, 1);
  const at::Tensor latents = codec.Encode(pictures).mean;  // [n, C, h, w]
  const at::Tensor x = WithConstant(AsSamples(latents));
  const at::Tensor y = AsSamples(at::avg_pool2d(pictures, {scale, scale}));
  const at::Tensor normal = x.t().matmul(x) / x.size(0) + kRegularisation * at::eye(x.size(1), x.options());
  const at::Tensor map = at::linalg_solve(normal, x.t().matmul(y) / x.size(0));
  return LatentPreview(map.to(at::kFloat));
}

std::vector<float> LatentPreview::linear_map() const {
  const at::Tensor values = map_.contiguous();
  return {values.const_data_ptr<float>(), values.const_data_ptr<float>() + values.numel()};
}

at::Tensor LatentPreview::Show(const at::Tensor& latents) const {
  const at::Tensor samples = latents.to(at::kCPU, at::kFloat).permute({0, 2, 3, 1});  // [B, h, w, C]
  const int64_t channels = samples.size(3);
  std::vector<at::Tensor> colours;  // [h, w, 3]
  // One by one: a product's bits may change with the number of its rows.
  for (const at::Tensor& each : samples.unbind()) {
    colours.push_back(each.matmul(map_.slice(0, 0, channels)) + map_[channels]);
  }
  return ToBytes(at::stack(colours));
}

}  // namespace latentd::model
