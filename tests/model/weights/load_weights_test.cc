#include "model/weights/load_weights.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "model/weights/safetensors_file.h"
#include "tests/model/weights/memory_source.h"
#include "tests/model/weights/test_folder.h"
#include "tests/model/weights/test_memory.h"

namespace latentd::model {
namespace {

using testing::ElementsAre;
using testing::Pair;

std::string NumberedName(int64_t i) { return std::string("p").append(std::to_string(i)); }

struct Child : torch::nn::Module {
  Child() {
    weight = register_parameter(
        "weight", at::empty({2, 3, 2, 2}, at::TensorOptions().memory_format(at::MemoryFormat::ChannelsLast)), false);
    mean = register_buffer("mean", at::zeros({2}, at::kHalf));
  }
  at::Tensor weight, mean;
};

struct Parent : torch::nn::Module {
  Parent() {
    child = register_module("child", std::make_shared<Child>());
    bias = register_parameter("bias", at::zeros({4}), false);
  }
  std::shared_ptr<Child> child;
  at::Tensor bias;
};

TEST(LoadWeightsTest, FillsParametersAndBuffersInTheirOwnTypeAndMemoryOrder) {
  Parent module;
  const at::Tensor weight = at::arange(24, at::kBFloat16).view({2, 3, 2, 2});
  const MemorySource source({{"child.weight", weight},
                             {"child.mean", at::full({2}, 0.5, at::kDouble)},
                             {"bias", at::full({4}, 3, at::kHalf)}});
  LoadWeights(module, source);
  EXPECT_TRUE(at::equal(module.child->weight, weight.to(at::kFloat)));
  EXPECT_TRUE(module.child->weight.is_contiguous(at::MemoryFormat::ChannelsLast));
  EXPECT_TRUE(at::equal(module.child->mean, at::full({2}, 0.5, at::kHalf)));
  EXPECT_TRUE(at::equal(module.bias, at::full({4}, 3, at::kFloat)));
  EXPECT_THAT(source.released, ElementsAre(Pair("bias", 1), Pair("child.mean", 1), Pair("child.weight", 1)));
}

TEST(LoadWeightsTest, ListsEveryProblemAndCopiesNothing) {
  Parent module;
  const MemorySource source({{"bias", at::full({4}, 3, at::kFloat)},
                             {"child.weight", at::zeros({2, 3, 4})},
                             {"child.mean", at::zeros({2}, at::kLong)},
                             {"extra", at::zeros({1})}});
  EXPECT_THAT(ProblemsOf([&] { LoadWeights(module, source); }),
              ElementsAre("child.mean: has type Long, which is not loaded into Half",
                          "child.weight: has shape [2, 3, 4] instead of [2, 3, 2, 2]", "extra: is unexpected"));
  EXPECT_TRUE(at::equal(module.bias, at::zeros({4})));
  EXPECT_THAT(ProblemsOf([&] { LoadWeights(module, MemorySource({})); }),
              ElementsAre("bias: is missing", "child.mean: is missing", "child.weight: is missing"));
}

TEST(LoadWeightsTest, IgnoresOnlyWhatItIsTold) {
  Parent module;
  const MemorySource source({{"bias", at::zeros({4})},
                             {"child.weight", at::zeros({2, 3, 2, 2})},
                             {"child.mean", at::zeros({2})},
                             {"position_ids", at::zeros({1, 77}, at::kLong)}});
  LoadWeights(module, source, {.may_ignore = [](const std::string& name) { return name == "position_ids"; }});
  EXPECT_THAT(source.released, testing::SizeIs(3));
}

TEST(LoadWeightsTest, LoadsNumbersThatAreNotFinite) {
  Parent module;
  const MemorySource source({{"bias", at::full({4}, std::numeric_limits<double>::quiet_NaN())},
                             {"child.weight", at::zeros({2, 3, 2, 2})},
                             {"child.mean", at::zeros({2})}});
  LoadWeights(module, source);
  EXPECT_TRUE(std::isnan(module.bias[0].item<float>()));
}

TEST(LoadWeightsTest, RaisesThePeakOfMemoryByLittleMoreThanTheWeights) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers keep memory of their own";
#endif
  constexpr int64_t kTensors = 32;
  constexpr int64_t kElements = 1 << 20;
  constexpr size_t kTotalBytes = kTensors * kElements * 2;
  struct Large : torch::nn::Module {
    Large() {
      for (int64_t i = 0; i < kTensors; ++i) {
        register_parameter(NumberedName(i), at::empty({kElements}, at::kBFloat16), false);
      }
    }
  };
  nlohmann::json header;
  for (int64_t i = 0; i < kTensors; ++i) {
    header[NumberedName(i)] = {
        {"dtype", "BF16"}, {"shape", {kElements}}, {"data_offsets", {i * kElements * 2, (i + 1) * kElements * 2}}};
  }
  const TestFolder folder;
  const auto path = folder.Write("x.safetensors", SafetensorsBytes(header.dump(), std::string(kTotalBytes, '\1')));
  ResetPeakMemory();
  const size_t before = PeakMemory();
  Large module;
  LoadWeights(module, *SafetensorsFile::Open(path));
  const double ratio = static_cast<double>(PeakMemory() - before) / kTotalBytes;
  std::printf("peak memory rose by %.2f times the file\n", ratio);
  EXPECT_GT(ratio, 0.9);  // the measurement itself works
  EXPECT_LT(ratio, 1.1);
}

}  // namespace
}  // namespace latentd::model
