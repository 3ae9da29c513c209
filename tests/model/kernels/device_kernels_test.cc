// The kernels for accelerators against LibTorch's operators in float64, where there is one.

#include <ATen/DeviceAccelerator.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/silu.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "model/kernels/device_kernels.h"
#include "model/kernels/elementwise.h"
#include "tests/model/kernels/tolerance.h"
#include "tests/model/layers/golden.h"

namespace latentd::model::kernels {
namespace {

class DeviceKernelsTest : public testing::TestWithParam<at::ScalarType> {
 protected:
  void SetUp() override {
    if (!at::accelerator::getAccelerator() || at::accelerator::deviceCount() == 0) GTEST_SKIP() << "no accelerator";
    ASSERT_TRUE(HasDeviceKernels(Make("x", {1})));
  }

  static at::Tensor Make(const std::string& name, at::IntArrayRef shape) {
    return InputByFormula(name, shape).to(at::Device(*at::accelerator::getAccelerator(), 0), GetParam());
  }

  static void ExpectNear(const at::Tensor& ours, const at::Tensor& reference, const std::string& what) {
    EXPECT_EQ(ours.scalar_type(), GetParam());
    const double range = std::max(1.0, reference.abs().max().item<double>());
    EXPECT_LT(LargestDifference(what, ours.cpu(), reference.cpu()), Tolerance(GetParam()) * range);
  }
};

TEST_P(DeviceKernelsTest, GroupNormWithOffsetAndActivation) {
  struct Shape {
    int64_t images, channels, groups, height, width;
  };
  // Few and many channels, packs that fit and that do not, a picture of one pixel, more parts than pixels.
  for (const Shape& s : {Shape{2, 6, 3, 5, 7},
                         {3, 32, 32, 1, 1},
                         {1, 320, 32, 64, 64},
                         {2, 2560, 32, 9, 8},
                         {5, 96, 16, 33, 16},
                         {1, 128, 32, 300, 211},
                         {2, 4100, 4, 3, 5}}) {
    const at::Tensor x =
        (Make("x", {s.images, s.channels, s.height, s.width}) + 3).contiguous(at::MemoryFormat::ChannelsLast);
    const at::Tensor offset = Make("offset", {s.images, s.channels});
    const at::Tensor weight = Make("weight", {s.channels}), bias = Make("bias", {s.channels});
    const auto expected = [&](const at::Tensor& in) {
      return at::group_norm(in, s.groups, weight.to(at::kDouble), bias.to(at::kDouble), 1e-5);
    };
    const at::Tensor plain = expected(x.to(at::kDouble));
    const at::Tensor moved = expected(x.to(at::kDouble) + offset.to(at::kDouble).unsqueeze(-1).unsqueeze(-1));
    const std::string what = std::to_string(s.channels);
    ExpectNear(DeviceGroupNorm(x, {}, weight, bias, {.groups = s.groups, .eps = 1e-5}), plain, what);
    ExpectNear(
        DeviceGroupNorm(x, offset, weight, bias, {.groups = s.groups, .eps = 1e-5, .activation = Activation::kSilu}),
        at::silu(moved), what + " offset, silu");
    ExpectNear(DeviceGroupNorm(x.contiguous(), {}, weight, bias,
                               {.groups = s.groups, .eps = 1e-5, .activation = Activation::kGelu}),
               at::gelu(plain), what + " gelu");
  }
}

TEST_P(DeviceKernelsTest, GroupNormOfAnImageDoesNotDependOnItsNeighbours) {
  const at::Tensor x = Make("x", {7, 320, 16, 24}).contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor weight = Make("weight", {320}), bias = Make("bias", {320});
  const GroupNormOptions options{.groups = 32, .eps = 1e-5};
  const at::Tensor together = DeviceGroupNorm(x, {}, weight, bias, options);
  for (int64_t i = 0; i < 7; ++i) {
    EXPECT_TRUE(together.narrow(0, i, 1).equal(DeviceGroupNorm(x.narrow(0, i, 1), {}, weight, bias, options)));
  }
}

TEST_P(DeviceKernelsTest, GegluMultipliesByTheGeluOfTheSecondHalf) {
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{1, 1}, {3, 7}, {77, 1280}, {4099, 36}}) {
    const at::Tensor x = Make("x", {rows, 2 * columns}) * 2;
    const at::Tensor exact = x.to(at::kDouble);
    ExpectNear(DeviceGeglu(x), exact.narrow(1, 0, columns) * at::gelu(exact.narrow(1, columns, columns)), "geglu");
  }
}

INSTANTIATE_TEST_SUITE_P(Types, DeviceKernelsTest, testing::Values(at::kFloat, at::kBFloat16, at::kHalf),
                         [](const auto& type) { return std::string(c10::toString(type.param)); });

}  // namespace
}  // namespace latentd::model::kernels
