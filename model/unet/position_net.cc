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

at::Tensor BoxFeatures(const Box& box) {
  at::Tensor features = at::empty({kBoxFeatures}, at::kFloat);  // by frequency: four sines, four cosines
  auto* const out = features.mutable_data_ptr<float>();
  // Element by element, and in float32, for the reasons of SinusoidalEmbedding.
  for (int64_t i = 0; i < kFrequencies; ++i) {
    const float frequency = std::pow(kMaxFrequency, static_cast<float>(i) / static_cast<float>(kFrequencies));
    for (size_t side = 0; side < box.size(); ++side) {
      const float angle = frequency * box[side];
      out[8 * i + static_cast<int64_t>(side)] = std::sin(angle);
      out[8 * i + 4 + static_cast<int64_t>(side)] = std::cos(angle);
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
    for (size_t i = 0; i < grounding.boxes.size(); ++i) {
      const at::Tensor phrase = grounding.phrases[static_cast<int64_t>(i)].to(options);  // [D]
      objects[lane][static_cast<int64_t>(i)].copy_(at::cat({phrase, BoxFeatures(grounding.boxes[i]).to(options)}));
    }
  }
  const auto step = [&](const Linear& linear, const at::Tensor& x) {
    return linear->forward(x, /*addend=*/{}, first_lane);
  };
  at::Tensor x = kernels::Activate(step(linear_0_, objects), Activation::kSilu);  // [n, 30, 512]
  x = kernels::Activate(step(linear_2_, x), Activation::kSilu);                   // [n, 30, 512]
  return step(linear_4_, x);                                                      // [n, 30, D]
}

}  // namespace latentd::model
