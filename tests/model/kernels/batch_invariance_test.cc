// One test for each kernel that keeps DESIGN's promise: on the CPU the bytes of a lane do not depend on how many
// neighbours it has, nor on which. In float32 everywhere; in the other types where the products are ours.

#include <ATen/ops/empty_like.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "model/kernels/attention.h"
#include "model/kernels/conv2d.h"
#include "model/kernels/dispatch.h"
#include "model/kernels/elementwise.h"
#include "model/kernels/group_norm.h"
#include "model/kernels/low_rank.h"
#include "model/kernels/matmul.h"
#include "model/kernels/row_linear.h"
#include "model/layers/layer_norm.h"
#include "tests/model/layers/golden.h"

namespace latentd::model::kernels {
namespace {

using Operator = std::function<at::Tensor(const at::Tensor&)>;  // [lanes, ...] -> [lanes, ...]

// Runs lanes alone, in batches of many sizes, and at other places among other neighbours.
void ExpectLanesAreIndependent(const std::string& what, const at::Tensor& lanes, const Operator& run) {
  ASSERT_EQ(lanes.size(0), 16);
  const at::Tensor all = run(lanes);
  for (const int64_t count : {1, 2, 3, 4, 5, 7, 8, 11}) {
    EXPECT_TRUE(SameBytes(run(lanes.narrow(0, 0, count)), all.narrow(0, 0, count))) << what << ", batch of " << count;
  }
  EXPECT_TRUE(SameBytes(run(lanes.narrow(0, 9, 1)), all.narrow(0, 9, 1))) << what << ", alone";
  EXPECT_TRUE(SameBytes(run(lanes.flip({0})).flip({0}), all)) << what << ", other neighbours";
}

class BatchInvarianceTest : public testing::TestWithParam<at::ScalarType> {
 protected:
  static at::Tensor Make(const std::string& name, at::IntArrayRef shape) {
    return InputByFormula(name, shape).to(GetParam());
  }
  // Products of reduced types that are LibTorch's on this machine promise nothing.
  static bool ProductsAreOurs() { return !LeaveProductToLibTorch(Make("x", {1})); }
};

TEST_P(BatchInvarianceTest, Linear) {
  if (!ProductsAreOurs()) GTEST_SKIP();
  for (const auto& [tokens, in, out] : {std::array<int64_t, 3>{1, 64, 64},
                                        {4, 256, 128},
                                        {15, 48, 384},
                                        {63, 32, 96},
                                        {64, 1024, 256},
                                        {77, 768, 64}}) {
    const at::Tensor w = Make("w", {out, in});
    const at::Tensor b = Make("b", {out});
    ExpectLanesAreIndependent("linear of " + std::to_string(tokens), Make("x", {16, tokens, in}),
                              [&](const at::Tensor& x) { return Linear(x, w, b); });
  }
}

TEST_P(BatchInvarianceTest, AddLinear) {
  if (!ProductsAreOurs()) GTEST_SKIP();
  for (const auto& [tokens, in, out] :
       {std::array<int64_t, 3>{1, 16, 64}, {15, 3, 384}, {64, 16, 256}, {77, 32, 320}}) {
    const at::Tensor w = Make("w", {out, in});
    ExpectLanesAreIndependent("added product of " + std::to_string(tokens), Make("x", {16, tokens, in}),
                              [&, columns = out](const at::Tensor& x) {
                                at::Tensor into = x.narrow(-1, 0, 1).expand({-1, -1, columns}).contiguous();
                                AddLinear(x, w, 0.7, into);
                                return into;
                              });
  }
}

TEST_P(BatchInvarianceTest, AddLowRank) {  // ours with every type
  for (const auto& [tokens, in, out] :
       {std::array<int64_t, 3>{1, 16, 64}, {15, 64, 384}, {64, 48, 256}, {300, 32, 330}}) {
    const at::Tensor down = Make("down", {16, in}), up = Make("up", {out, 16});
    ExpectLanesAreIndependent("low-rank product of " + std::to_string(tokens), Make("x", {16, tokens, in}),
                              [&, columns = out](const at::Tensor& x) {
                                at::Tensor into = x.narrow(-1, 0, 1).expand({-1, -1, columns}).contiguous();
                                const LowRankTerm term{0, x.size(0), &down, &up, 0.7};
                                AddLowRank(x, {&term, 1}, into);
                                return into;
                              });
  }
}

TEST_P(BatchInvarianceTest, GatedLinear) {
  if (!ProductsAreOurs()) GTEST_SKIP();
  const at::Tensor w = Make("w", {2 * 72, 40});
  const at::Tensor b = Make("b", {2 * 72});
  ExpectLanesAreIndependent("gated linear", Make("x", {16, 21, 40}),
                            [&](const at::Tensor& x) { return GatedLinear(x, w, b); });
}

TEST_P(BatchInvarianceTest, Convolution) {
  if (!ProductsAreOurs()) GTEST_SKIP();
  for (const auto& [height, width] : {std::array<int64_t, 2>{1, 1}, {2, 3}, {5, 4}, {9, 7}, {16, 16}, {17, 23}}) {
    for (const ConvOptions& options :
         {ConvOptions{}, ConvOptions{.stride = 2}, ConvOptions{.pad_bottom_right_only = true},
          ConvOptions{.enlarged_height = 2 * height, .enlarged_width = 2 * width}}) {
      if (options.pad_bottom_right_only && height < 2) continue;
      const at::Tensor w = Make("w", {24, 36, 3, 3});
      const at::Tensor b = Make("b", {24});
      ExpectLanesAreIndependent("convolution of " + std::to_string(height), Make("x", {16, 36, height, width}),
                                [&](const at::Tensor& x) { return Conv2d(x, w, b, options); });
    }
  }
}

TEST_P(BatchInvarianceTest, Attention) {
  for (const auto& [tokens, heads, features] :
       {std::array<int64_t, 3>{1, 2, 8}, {15, 4, 12}, {63, 1, 40}, {300, 2, 16}}) {
    const at::Tensor k = Make("k", {16, tokens, heads * features});
    ExpectLanesAreIndependent("attention of " + std::to_string(tokens), k, [count = heads](const at::Tensor& x) {
      at::Tensor out = at::empty_like(x);
      Attention(x, x, x, count, out);
      return out;
    });
  }
}

TEST_P(BatchInvarianceTest, GroupNorm) {
  for (const auto& [channels, groups, height, width] :
       {std::array<int64_t, 4>{32, 8, 9, 7}, {24, 4, 1, 1}, {20, 5, 16, 16}, {48, 16, 3, 5}}) {
    const at::Tensor w = Make("w", {channels});
    const at::Tensor b = Make("b", {channels});
    ExpectLanesAreIndependent(
        "group norm", Make("x", {16, channels, height, width}), [&, count = groups](const at::Tensor& x) {
          return GroupNorm(x, {}, w, b, {.groups = count, .eps = 1e-5, .activation = Activation::kSilu});
        });
  }
}

TEST_P(BatchInvarianceTest, LayerNorm) {
  for (const auto& [tokens, features] : {std::array<int64_t, 2>{1, 7}, {15, 48}, {63, 320}}) {
    latentd::model::LayerNorm norm(features, 1e-5, at::TensorOptions().dtype(GetParam()));
    FillParameters(*norm);
    ExpectLanesAreIndependent("layer norm", Make("x", {16, tokens, features}),
                              [&](const at::Tensor& x) { return norm->forward(x); });
  }
}

TEST_P(BatchInvarianceTest, RowLinear) {
  const at::Tensor w = Make("w", {50, 77});
  const at::Tensor b = Make("b", {50});
  ExpectLanesAreIndependent("row linear", Make("x", {16, 77}), [&](const at::Tensor& x) { return RowLinear(x, w, b); });
}

TEST_P(BatchInvarianceTest, Elementwise) {
  for (const Activation activation :
       {Activation::kSilu, Activation::kGelu, Activation::kQuickGelu, Activation::kRelu}) {
    ExpectLanesAreIndependent("activation", Make("x", {16, 13, 11}),
                              [&](const at::Tensor& x) { return Activate(x, activation); });
  }
  ExpectLanesAreIndependent("gate", Make("x", {16, 3, 2 * 37}), [](const at::Tensor& x) { return Geglu(x); });
}

INSTANTIATE_TEST_SUITE_P(Types, BatchInvarianceTest, testing::Values(at::kFloat, at::kBFloat16, at::kHalf),
                         [](const auto& type) { return std::string(c10::toString(type.param)); });

}  // namespace
}  // namespace latentd::model::kernels
