// Every kernel against LibTorch's operator computed in float64.

#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/pad.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/upsample_nearest2d.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "model/kernels/attention.h"
#include "model/kernels/conv2d.h"
#include "model/kernels/elementwise.h"
#include "model/kernels/group_norm.h"
#include "model/kernels/low_rank.h"
#include "model/kernels/matmul.h"
#include "model/kernels/row_linear.h"
#include "tests/model/kernels/tolerance.h"
#include "tests/model/layers/golden.h"

namespace latentd::model::kernels {
namespace {

class KernelsTest : public testing::TestWithParam<at::ScalarType> {
 protected:
  at::Tensor Make(const std::string& name, at::IntArrayRef shape) const {
    return InputByFormula(name, shape).to(GetParam());
  }

  void ExpectNear(const at::Tensor& ours, const at::Tensor& reference, const std::string& what) const {
    EXPECT_EQ(ours.scalar_type(), GetParam());
    const auto range = reference.abs().max().item<double>();
    EXPECT_LT(LargestDifference(what, ours, reference), Tolerance(GetParam()) * std::max(range, 1.0));
  }
};

TEST_P(KernelsTest, LinearIsTheMatrixProductWithBiasAndAddend) {
  for (const auto& [rows, in, out] : {std::array<int64_t, 3>{1, 1, 1}, {7, 33, 5}, {100, 161, 70}, {530, 320, 340}}) {
    const at::Tensor x = Make("x", {1, rows, in});
    const at::Tensor w = (Make("w", {out, in}) / std::sqrt(static_cast<double>(in))).to(GetParam());
    const at::Tensor b = Make("b", {out});
    const at::Tensor a = Make("a", {1, rows, out});
    const at::Tensor expected = at::linear(x.to(at::kDouble), w.to(at::kDouble), b.to(at::kDouble)) + a.to(at::kDouble);
    ExpectNear(Linear(x, w, b, a), expected, "linear");
    ExpectNear(Linear(x, w.view({out, in, 1, 1}), {}), at::linear(x.to(at::kDouble), w.to(at::kDouble)), "pointwise");
  }
}

TEST_P(KernelsTest, AddLinearAddsTheScaledProductInPlace) {
  for (const auto& [rows, in, out] : {std::array<int64_t, 3>{1, 1, 1}, {7, 16, 5}, {100, 33, 70}, {530, 4, 340}}) {
    const at::Tensor x = Make("x", {1, rows, in});
    const at::Tensor w = (Make("w", {out, in}) / std::sqrt(static_cast<double>(in))).to(GetParam());
    for (const double scale : {1.0, -0.75}) {
      const at::Tensor into = Make("into", {3, rows, out});
      AddLinear(x, w, scale, into.narrow(0, 1, 1));
      const at::Tensor before = Make("into", {3, rows, out});
      const at::Tensor expected =
          before[1].to(at::kDouble) + scale * at::linear(x[0].to(at::kDouble), w.to(at::kDouble));
      ExpectNear(into[1], expected, "added");
      EXPECT_TRUE(SameBytes(into[0], before[0]));
      EXPECT_TRUE(SameBytes(into[2], before[2]));
    }
  }
}

TEST_P(KernelsTest, AddLowRankAddsEachTermToItsLanes) {
  struct Case {
    int64_t rows, in, out, rank;
  };
  for (const Case& c : {Case{1, 5, 7, 1}, {64, 160, 40, 16}, {530, 33, 700, 3}, {7, 320, 320, 150}}) {
    const at::Tensor x = Make("x", {4, c.rows, c.in});
    const auto weight = [&](const std::string& name, int64_t columns, int64_t features) {
      return (Make(name, {columns, features}) / std::sqrt(static_cast<double>(features))).to(GetParam());
    };
    const at::Tensor down = weight("down", c.rank, c.in), up = weight("up", c.out, c.rank);
    const at::Tensor other_down = weight("other down", 2, c.in), other_up = weight("other up", c.out, 2);
    const at::Tensor out = Make("out", {4, c.rows, c.out});
    at::Tensor expected = out.to(at::kDouble);
    const auto add = [&](int64_t lane, const at::Tensor& d, const at::Tensor& u, double scale) {
      expected[lane].add_(at::linear(at::linear(x[lane].to(at::kDouble), d.to(at::kDouble)), u.to(at::kDouble)), scale);
    };
    for (const int64_t lane : {1, 2}) add(lane, down, up, 1);
    for (const int64_t lane : {2, 3}) add(lane, other_down, other_up, -0.75);
    const at::Tensor before = out.clone();
    const std::array<LowRankTerm, 2> terms = {LowRankTerm{1, 2, &down, &up, 1},
                                              LowRankTerm{2, 2, &other_down, &other_up, -0.75}};
    AddLowRank(x, terms, out);
    ExpectNear(out, expected, "low rank");
    EXPECT_TRUE(SameBytes(out[0], before[0]));
  }
}

TEST_P(KernelsTest, GatedLinearMultipliesByTheGeluOfTheSecondHalf) {
  for (const auto& [rows, in, out] : {std::array<int64_t, 3>{3, 8, 5}, {40, 64, 256}, {9, 20, 80}}) {
    const at::Tensor x = Make("x", {2, rows, in});
    const at::Tensor w = (Make("w", {2 * out, in}) / std::sqrt(static_cast<double>(in))).to(GetParam());
    const at::Tensor b = Make("b", {2 * out});
    const auto halves = at::linear(x.to(at::kDouble), w.to(at::kDouble), b.to(at::kDouble)).chunk(2, -1);
    ExpectNear(GatedLinear(x, w, b), halves[0] * at::gelu(halves[1]), "gated");
  }
}

TEST_P(KernelsTest, ConvolutionWithEveryStridePaddingAndEnlargement) {
  struct Case {
    int64_t in, out, kernel, height, width;
    ConvOptions options;
  };
  for (const Case& c :
       {Case{4, 8, 3, 9, 7, {}}, Case{3, 70, 3, 6, 5, {.stride = 2}}, Case{5, 4, 5, 7, 8, {.padding = 2}},
        Case{6, 6, 3, 8, 5, {.stride = 2, .pad_bottom_right_only = true}}, Case{17, 3, 1, 4, 4, {.padding = 0}},
        Case{1, 1, 3, 1, 1, {}}, Case{8, 8, 3, 4, 5, {.enlarged_height = 8, .enlarged_width = 9}},
        // Large enough for Winograd's method.
        Case{16, 8, 3, 16, 16, {}}, Case{33, 70, 3, 17, 19, {}}, Case{150, 20, 3, 21, 14, {.padding = 0}},
        Case{64, 130, 3, 31, 25, {}}, Case{20, 5, 3, 18, 18, {.padding = 2}},
        Case{40, 24, 3, 9, 16, {.enlarged_height = 19, .enlarged_width = 31}}}) {
    const at::Tensor x = Make("x", {2, c.in, c.height, c.width});
    const at::Tensor w =
        (Make("w", {c.out, c.in, c.kernel, c.kernel}) / std::sqrt(9.0 * static_cast<double>(c.in))).to(GetParam());
    const at::Tensor b = Make("b", {c.out});
    at::Tensor map = x.to(at::kDouble);
    if (c.options.enlarged_height > 0) {
      map = at::upsample_nearest2d(map, {c.options.enlarged_height, c.options.enlarged_width});
    }
    if (c.options.pad_bottom_right_only) map = at::pad(map, {0, 1, 0, 1});
    const int64_t padding = c.options.pad_bottom_right_only ? 0 : c.options.padding;
    const at::Tensor expected = at::conv2d(map, w.to(at::kDouble), b.to(at::kDouble), c.options.stride, padding);
    const at::Tensor a = Make("a", expected.sizes());
    ExpectNear(Conv2d(x, w, b, c.options), expected, "convolution");
    ExpectNear(Conv2d(x, w, b, c.options, a), expected + a.to(at::kDouble), "convolution with addend");
  }
}

TEST_P(KernelsTest, AttentionIsTheSoftmaxOfScaledProducts) {
  for (const auto& [queries, keys, heads, features] :
       {std::array<int64_t, 4>{1, 1, 1, 1}, {13, 77, 2, 40}, {200, 300, 3, 16}, {65, 257, 1, 80}, {9, 520, 2, 33}}) {
    const at::Tensor q = Make("q", {2, queries, heads * features});
    const at::Tensor k = Make("k", {2, keys, heads * features});
    const at::Tensor v = Make("v", {2, keys, heads * features});
    at::Tensor out = at::empty_like(q);
    Attention(q, k, v, heads, out);
    const auto split = [count = heads](const at::Tensor& x) {
      return x.to(at::kDouble).unflatten(-1, {count, x.size(-1) / count}).transpose(1, 2);
    };
    const at::Tensor weights =
        at::softmax(split(q).matmul(split(k).transpose(-1, -2)) / std::sqrt(static_cast<double>(features)), -1);
    ExpectNear(out, weights.matmul(split(v)).transpose(1, 2).flatten(2), "attention");
  }
}

TEST_P(KernelsTest, GroupNormWithOffsetAndActivation) {
  for (const auto& [channels, groups, height, width] :
       {std::array<int64_t, 4>{32, 8, 9, 7}, {24, 4, 1, 1}, {20, 5, 16, 16}, {320, 32, 6, 6}}) {
    const at::Tensor x = Make("x", {2, channels, height, width});
    const at::Tensor shift = Make("shift", {2, channels});
    const at::Tensor w = Make("w", {channels});
    const at::Tensor b = Make("b", {channels});
    const at::Tensor moved = x.to(at::kDouble) + shift.to(at::kDouble).unsqueeze(-1).unsqueeze(-1);
    const at::Tensor expected =
        at::group_norm(moved, groups, w.to(at::kDouble), b.to(at::kDouble), 1e-5, /*cudnn_enabled=*/false);
    ExpectNear(GroupNorm(x, shift, w, b, {.groups = groups, .eps = 1e-5}), expected, "group norm");
    ExpectNear(GroupNorm(x, shift, w, b, {.groups = groups, .eps = 1e-5, .activation = Activation::kSilu}),
               at::silu(expected), "group norm, silu");
    ExpectNear(GroupNorm(x, shift, w, b, {.groups = groups, .eps = 1e-5, .activation = Activation::kGelu}),
               at::gelu(expected), "group norm, gelu");
  }
}

TEST_P(KernelsTest, ElementwiseFunctionsOverTheWholeRange) {
  const at::Tensor x = (Make("x", {1003}) * 60).to(GetParam());
  const at::Tensor exact = x.to(at::kDouble);
  ExpectNear(Activate(x, Activation::kSilu), at::silu(exact), "silu");
  ExpectNear(Activate(x, Activation::kGelu), at::gelu(exact), "gelu");
  ExpectNear(Activate(x, Activation::kQuickGelu), exact * at::sigmoid(1.702 * exact), "quick gelu");
  ExpectNear(Activate(x, Activation::kRelu), exact.clamp_min(0), "relu");
  const at::Tensor pairs = Make("pairs", {5, 2 * 37});
  const auto halves = pairs.to(at::kDouble).chunk(2, -1);
  ExpectNear(Geglu(pairs), halves[0] * at::gelu(halves[1]), "geglu");
}

TEST_P(KernelsTest, RowLinearIsTheMatrixProduct) {
  const at::Tensor x = Make("x", {3, 77});
  const at::Tensor w = (Make("w", {50, 77}) / std::sqrt(77.0)).to(GetParam());
  const at::Tensor b = Make("b", {50});
  ExpectNear(RowLinear(x, w, b), at::linear(x.to(at::kDouble), w.to(at::kDouble), b.to(at::kDouble)), "rows");
}

TEST_P(KernelsTest, NotANumberStaysVisible) {
  at::Tensor x = Make("x", {1, 8, 4, 4});
  x[0][3][1][2] = std::nan("");
  const at::Tensor ones = Make("w", {8});
  EXPECT_TRUE(Activate(x, Activation::kSilu).isnan().any().item<bool>());
  EXPECT_TRUE(Activate(x, Activation::kGelu).isnan().any().item<bool>());
  EXPECT_TRUE(Activate(x, Activation::kQuickGelu).isnan().any().item<bool>());
  EXPECT_TRUE(Activate(x, Activation::kRelu).isnan().any().item<bool>());
  EXPECT_TRUE(GroupNorm(x, {}, ones, ones, {.groups = 2, .eps = 1e-5}).isnan().any().item<bool>());
  EXPECT_TRUE(Conv2d(x, Make("k", {4, 8, 3, 3}), {}, {}).isnan().any().item<bool>());
}

INSTANTIATE_TEST_SUITE_P(Types, KernelsTest, testing::Values(at::kFloat, at::kBFloat16, at::kHalf),
                         [](const auto& param) { return std::string(c10::toString(param.param)); });

}  // namespace
}  // namespace latentd::model::kernels
