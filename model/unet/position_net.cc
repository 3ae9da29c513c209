#include "model/unet/position_net.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <cmath>
#include <memory>

#include "model/kernels/elementwise.h"

namespace latentd::model {
namespace {

constexpr int64_t kFrequencies = 8;
constexpr int64_t kBoxFeatures = 2 * 4 * kFrequencies;
constexpr float kMaxFrequency = 100;
constexpr int64_t kHidden = 512;

}  // namespace

at::Tensor BoxFeatures(std::span<const Box> boxes) {
  at::Tensor features = at::empty({static_cast<int64_t>(boxes.size()), kBoxFeatures}, at::kFloat);
  auto* out = features.mutable_data_ptr<float>();
  // Element by element, and in float32, for the reasons of SinusoidalEmbedding.
  for (const Box& box : boxes) {
    for (int64_t i = 0; i < kFrequencies; ++i) {
      const float frequency = std::pow(kMaxFrequency, static_cast<float>(i) / static_cast<float>(kFrequencies));
      for (const float side : box) *out++ = std::sin(frequency * side);
      for (const float side : box) *out++ = std::cos(frequency * side);
    }
  }
  return features;
}

PositionNetImpl::PositionNetImpl(int64_t features, const at::TensorOptions& options)
    : null_positive_feature_(
          register_parameter("null_positive_feature", at::empty({features}, options), /*requires_grad=*/false)),
      null_position_feature_(
          register_parameter("null_position_feature", at::empty({kBoxFeatures}, options), /*requires_grad=*/false)) {
  const auto linears = register_module("linears", std::make_shared<torch::nn::Module>());
  linear_0_ = linears->register_module("0", Linear(features + kBoxFeatures, kHidden, /*with_bias=*/true, options));
  linear_2_ = linears->register_module("2", Linear(kHidden, kHidden, /*with_bias=*/true, options));
  linear_4_ = linears->register_module("4", Linear(kHidden, features, /*with_bias=*/true, options));
}

at::Tensor PositionNetImpl::forward(std::span<const Grounding* const> lanes, int64_t first_lane) const {
  const at::TensorOptions options = null_positive_feature_.options();
  const auto places = static_cast<int64_t>(kMaxBoxes);
  const auto count = static_cast<int64_t>(lanes.size());
  const at::Tensor nothing = at::cat({null_positive_feature_, null_position_feature_});  // [D + 64]
  at::Tensor objects = nothing.expand({count, places, -1}).contiguous();                 // [n, 30, D + 64]
  for (int64_t lane = 0; lane < count; ++lane) {
    const Grounding& grounding = *lanes[static_cast<size_t>(lane)];
    TORCH_CHECK(grounding.boxes.size() <= kMaxBoxes, "position net: ", grounding.boxes.size(), " boxes are over ",
                kMaxBoxes);
    if (grounding.boxes.empty()) continue;
    const auto boxes = static_cast<int64_t>(grounding.boxes.size());
    const at::Tensor features = BoxFeatures(grounding.boxes).to(options);  // [boxes, 64]
    objects[lane].narrow(0, 0, boxes).copy_(at::cat({grounding.phrases.to(options), features}, 1));
  }
  const auto step = [&](const Linear& linear, const at::Tensor& x) {
    return linear->forward(x, /*addend=*/{}, first_lane);
  };
  at::Tensor x = kernels::Activate(step(linear_0_, objects), Activation::kSilu);  // [n, 30, 512]
  x = kernels::Activate(step(linear_2_, x), Activation::kSilu);                   // [n, 30, 512]
  return step(linear_4_, x);                                                      // [n, 30, D]
}

}  // namespace latentd::model
