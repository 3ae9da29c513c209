// A layer's result under low-rank changes is that of the merged weight, lane by lane.

#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/upsample_nearest2d.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "model/layers/conv2d.h"
#include "model/layers/linear.h"
#include "tests/model/layers/golden.h"

namespace latentd::model {
namespace {

constexpr int64_t kLanes = 5;

LowRank Make(const std::string& name, int64_t rank, at::IntArrayRef weight) {
  std::vector<int64_t> down = weight.vec();
  down.front() = rank;
  at::Tensor thin = InputByFormula(name + " down", down) * 0.3;
  if (down.size() == 4) thin = thin.contiguous(at::MemoryFormat::ChannelsLast);
  return {.down = thin, .up = InputByFormula(name + " up", {weight.front(), rank}) * 0.3};
}

class LayerDelta : public testing::Test {
 protected:
  // a: lanes 1 to 3; b: lanes 3 and 4.
  void Attach(const Adaptable& layer) {
    a_ = Make("a", 3, layer.BaseWeight().sizes());
    b_ = Make("b", 2, layer.BaseWeight().sizes());
    deltas_ = {{.first_lane = 1, .lanes = 3, .change = &a_, .scale = 0.8},
               {.first_lane = 3, .lanes = 2, .change = &b_, .scale = -0.5}};
    layer.SetDeltas(&deltas_);
  }

  // The weight that a lane is computed with.
  at::Tensor Merged(const Adaptable& layer, int64_t lane) const {
    at::Tensor weight = layer.BaseWeight().to(at::kDouble);
    for (const LaneDelta& delta : deltas_) {
      if (lane < delta.first_lane || lane >= delta.first_lane + delta.lanes) continue;
      weight = weight +
               delta.scale * at::matmul(delta.change->up.to(at::kDouble), delta.change->down.to(at::kDouble).flatten(1))
                                 .view(weight.sizes());
    }
    return weight;
  }

  // `by` computes one lane with a weight in float64.
  void Expect(const Adaptable& layer, const at::Tensor& x, const at::Tensor& ours,
              const std::function<at::Tensor(const at::Tensor& x, const at::Tensor& weight)>& by) {
    std::vector<at::Tensor> lanes;
    for (int64_t i = 0; i < kLanes; ++i) lanes.push_back(by(x.narrow(0, i, 1).to(at::kDouble), Merged(layer, i)));
    EXPECT_LT(LargestDifference("merged", ours, at::cat(lanes)), 1e-5);
  }

  LowRank a_, b_;
  LaneDeltas deltas_;
};

TEST_F(LayerDelta, LinearTokensWithAnAddend) {
  Linear layer(20, 9, true, at::TensorOptions());
  FillParameters(*layer);
  Attach(*layer);
  const at::Tensor x = InputByFormula("x", {kLanes, 7, 20}), addend = InputByFormula("addend", {1, 7, 9});
  Expect(*layer, x, layer->forward(x, addend.expand({kLanes, 7, 9})), [&](const at::Tensor& lane, const at::Tensor& w) {
    return at::linear(lane, w, layer->bias.to(at::kDouble)) + addend;
  });
}

TEST_F(LayerDelta, LinearOverPartOfTheLanes) {
  Linear layer(20, 9, false, at::TensorOptions());
  FillParameters(*layer);
  Attach(*layer);
  const at::Tensor x = InputByFormula("x", {kLanes, 7, 20});
  const at::Tensor parts =
      at::cat({layer->forward(x.narrow(0, 0, 2), {}, 0), layer->forward(x.narrow(0, 2, 3), {}, 2)});
  EXPECT_TRUE(SameBytes(parts, layer->forward(x)));
}

TEST_F(LayerDelta, LinearOfOneVectorALane) {
  Linear layer(20, 9, true, at::TensorOptions());
  FillParameters(*layer);
  Attach(*layer);
  const at::Tensor x = InputByFormula("x", {kLanes, 20});
  Expect(*layer, x, layer->ForwardRows(x),
         [&](const at::Tensor& lane, const at::Tensor& w) { return at::linear(lane, w, layer->bias.to(at::kDouble)); });
}

TEST_F(LayerDelta, PointwiseOverAMap) {
  Linear layer(6, 9, true, at::TensorOptions(), WeightLayout::kPointwise);
  FillParameters(*layer);
  Attach(*layer);
  const at::Tensor x = InputByFormula("x", {kLanes, 6, 4, 5}).contiguous(at::MemoryFormat::ChannelsLast);
  Expect(*layer, x, layer->ForwardMap(x),
         [&](const at::Tensor& lane, const at::Tensor& w) { return at::conv2d(lane, w, layer->bias.to(at::kDouble)); });
}

TEST_F(LayerDelta, BeforeTheGate) {
  Linear layer(20, 18, true, at::TensorOptions());
  FillParameters(*layer);
  const at::Tensor x = InputByFormula("x", {kLanes, 7, 20});
  const at::Tensor plain = layer->ForwardGated(x);
  Attach(*layer);
  const at::Tensor gated = layer->ForwardGated(x);
  Expect(*layer, x, gated, [&](const at::Tensor& lane, const at::Tensor& w) {
    const auto halves = at::linear(lane, w, layer->bias.to(at::kDouble)).chunk(2, -1);
    return halves[0] * at::gelu(halves[1]);
  });
  EXPECT_TRUE(SameBytes(gated[0], plain[0]));
}

TEST_F(LayerDelta, ConvolutionsWithStridePaddingAndEnlargement) {
  struct Case {
    Conv2dImpl::Shape shape;
    int64_t height, width;
    int64_t enlarged_height = 0, enlarged_width = 0;
  };
  for (const Case& c : {Case{{.in_channels = 6, .out_channels = 9}, 5, 4},
                        Case{{.in_channels = 6, .out_channels = 9, .stride = 2}, 7, 5},
                        Case{{.in_channels = 6, .out_channels = 9, .kernel = 1, .padding = 0}, 5, 4},
                        Case{{.in_channels = 6, .out_channels = 9, .kernel = 5, .padding = 2}, 5, 4},
                        Case{{.in_channels = 6, .out_channels = 9}, 5, 4, 9, 8},
                        Case{{.in_channels = 16, .out_channels = 9}, 17, 16}}) {
    Conv2d layer(c.shape, at::TensorOptions());
    FillParameters(*layer);
    Attach(*layer);
    const at::Tensor x = InputByFormula("x", {kLanes, c.shape.in_channels, c.height, c.width})
                             .contiguous(at::MemoryFormat::ChannelsLast);
    const bool enlarges = c.enlarged_height > 0;
    const at::Tensor ours =
        enlarges ? layer->ForwardEnlarged(x, c.enlarged_height, c.enlarged_width) : layer->forward(x);
    Expect(*layer, x, ours, [&](const at::Tensor& lane, const at::Tensor& w) {
      const at::Tensor map = enlarges ? at::upsample_nearest2d(lane, {c.enlarged_height, c.enlarged_width}) : lane;
      return at::conv2d(map, w, layer->bias.to(at::kDouble), {c.shape.stride, c.shape.stride},
                        {c.shape.padding, c.shape.padding});
    });
  }
}

}  // namespace
}  // namespace latentd::model
