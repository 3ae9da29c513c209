#include "model/unet/unet_2d.h"

#include <ATen/ops/arange.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "model/weights/key_maps/vae_keys.h"
#include "model/weights/load_weights.h"
#include "tests/model/layers/golden.h"
#include "tests/model/weights/memory_source.h"

namespace latentd::model {
namespace {

constexpr int64_t kLanes = 3;  // of the golden files

class UNet2DParity : public testing::TestWithParam<const char*> {
 protected:
  UNet2DParity() : golden_("unet_2d/" + std::string(GetParam()) + ".safetensors") {}

  UNet2DModel Make(at::ScalarType type) const {
    UNet2DModel unet(ReadUNet2DConfig(golden_.Config()), at::TensorOptions().dtype(type));
    FillParameters(*unet);
    return unet;
  }

  // What the golden output of that name was made from, and how far ours is from it.
  double Difference(const UNet2DModel& unet, const std::string& name) const {
    const at::Tensor reference = golden_[name];  // [3, out, h, w]
    const at::Tensor sample = InputByFormula(
        "sample" + name.substr(3), {kLanes, unet->config().in_channels, reference.size(2), reference.size(3)});
    const at::Tensor labels = golden_.Has("labels") ? golden_["labels"] : at::Tensor();
    const at::Tensor out = unet->forward(sample, golden_["timesteps"], labels);
    EXPECT_EQ(out.scalar_type(), unet->parameters().front().scalar_type());
    EXPECT_TRUE(out.is_contiguous(at::MemoryFormat::ChannelsLast));
    return LargestDifference(std::string(GetParam()) + " " + name + " " + c10::toString(out.scalar_type()), out,
                             reference);
  }

  const Golden golden_;
};

TEST_P(UNet2DParity, EqualsTheReferenceAtEverySizeWithMixedTimestepsAndClasses) {
  const UNet2DModel unet = Make(at::kFloat);
  for (const std::string& name : golden_.NamesThatBegin("out")) EXPECT_LT(Difference(unet, name), 2e-5) << name;
}

TEST_P(UNet2DParity, StaysNearTheReferenceInReducedTypes) {
  const UNet2DModel bfloat16 = Make(at::kBFloat16);
  const UNet2DModel float16 = Make(at::kHalf);
  for (const std::string& name : golden_.NamesThatBegin("out")) {
    EXPECT_LT(Difference(bfloat16, name), 0.2) << name;
    EXPECT_LT(Difference(float16, name), 0.03) << name;
  }
}

TEST_P(UNet2DParity, ALaneDependsOnNothingButItself) {
  const UNet2DModel unet = Make(at::kFloat);
  const UNet2DConfig& config = unet->config();
  const at::Tensor timesteps = at::arange(16, at::kFloat) * 61.5 + 3;
  at::Tensor labels;
  if (config.class_embedding == ClassEmbedding::kTable) labels = at::arange(16, at::kLong) % config.classes;
  if (config.class_embedding == ClassEmbedding::kTimestep) labels = at::arange(16, at::kFloat) * 3.5 + 1;
  if (config.class_embedding == ClassEmbedding::kIdentity) labels = InputByFormula("l", {16, config.time_features});
  const int64_t unit = config.SizeUnit();
  const int64_t large = std::max<int64_t>(16, unit);  // enough for Winograd's method on the first level
  for (const auto& [height, width] : {std::pair(unit, unit), {3 * unit, unit}, {large, large}}) {
    const at::Tensor sample = InputByFormula("sample", {16, config.in_channels, height, width});
    const auto run = [&](int64_t first, int64_t count) {
      const auto part = [&](const at::Tensor& x) { return x.defined() ? x.narrow(0, first, count) : x; };
      return unet->forward(part(sample), part(timesteps), part(labels));
    };
    const at::Tensor all = run(0, 16);
    for (const int64_t count : {1, 2, 3, 4, 5, 7, 8}) {
      EXPECT_TRUE(SameBytes(run(0, count), all.narrow(0, 0, count)))
          << height << "x" << width << ", batch of " << count;
    }
    EXPECT_TRUE(SameBytes(run(13, 1), all.narrow(0, 13, 1))) << height << "x" << width << ", alone";
    EXPECT_TRUE(SameBytes(run(9, 6), all.narrow(0, 9, 6))) << height << "x" << width << ", from the middle";
  }
}

INSTANTIATE_TEST_SUITE_P(Configurations, UNet2DParity,
                         testing::Values("cifar", "church", "ldm", "consistency", "fourier", "identity", "headless"),
                         [](const auto& param) { return std::string(param.param); });

// The parameters of `unet` as a file holds them, attention layers under the names that old files gave them.
std::map<std::string, at::Tensor> OldFile(const UNet2DModel& unet) {
  std::map<std::string, at::Tensor> file;
  for (const auto& item : unet->named_parameters()) {
    std::string name = item.key();
    for (const auto& [modern, old] : std::map<std::string, std::string>{
             {".to_q.", ".query."}, {".to_k.", ".key."}, {".to_v.", ".value."}, {".to_out.0.", ".proj_attn."}}) {
      if (const size_t at = name.find(modern); at != std::string::npos) name.replace(at, modern.size(), old);
    }
    file[name] = item.value().clone();
  }
  return file;
}

TEST(UNet2DTest, LoadsAttentionUnderItsOldNames) {
  const Golden golden("unet_2d/cifar.safetensors");
  UNet2DModel filled(ReadUNet2DConfig(golden.Config()), at::TensorOptions().dtype(at::kFloat));
  FillParameters(*filled);
  const auto source = RenamedSource::Make(std::make_shared<MemorySource>(OldFile(filled)), ModernVaeKey);
  UNet2DModel loaded(ReadUNet2DConfig(golden.Config()), at::TensorOptions().dtype(at::kFloat));
  LoadWeights(*loaded, *source);
  const at::Tensor sample = InputByFormula("sample", {1, 3, 8, 8});
  const at::Tensor timesteps = at::arange(1, at::kFloat) + 7;
  EXPECT_TRUE(SameBytes(loaded->forward(sample, timesteps), filled->forward(sample, timesteps)));
}

TEST(UNet2DTest, RefusesShapesThatDoNotFit) {
  const Golden golden("unet_2d/cifar.safetensors");
  UNet2DModel unet(ReadUNet2DConfig(golden.Config()), at::TensorOptions().dtype(at::kFloat));
  FillParameters(*unet);
  const at::Tensor sample = InputByFormula("sample", {2, 3, 16, 8});
  const at::Tensor timesteps = at::arange(2, at::kFloat);
  EXPECT_NO_THROW(unet->forward(sample, timesteps));
  EXPECT_THROW(unet->forward(sample.narrow(1, 0, 2), timesteps), c10::Error);
  EXPECT_THROW(unet->forward(sample.narrow(2, 0, 12), timesteps), c10::Error);
  EXPECT_THROW(unet->forward(sample, timesteps.narrow(0, 0, 1)), c10::Error);
  EXPECT_THROW(unet->forward(sample, timesteps, at::arange(2, at::kLong)), c10::Error);
}

TEST(UNet2DTest, RefusesClassesThatItDoesNotHave) {
  const Golden golden("unet_2d/consistency.safetensors");
  UNet2DModel unet(ReadUNet2DConfig(golden.Config()), at::TensorOptions().dtype(at::kFloat));
  FillParameters(*unet);
  const at::Tensor sample = InputByFormula("sample", {2, 3, 4, 8});
  const at::Tensor timesteps = at::arange(2, at::kFloat);
  EXPECT_NO_THROW(unet->forward(sample, timesteps, at::arange(2, at::kLong) + 8));
  EXPECT_THROW(unet->forward(sample, timesteps), c10::Error);
  EXPECT_THROW(unet->forward(sample, timesteps, at::arange(2, at::kLong) + 9), c10::Error);
  EXPECT_THROW(unet->forward(sample, timesteps, at::arange(2, at::kLong) - 1), c10::Error);
  EXPECT_THROW(unet->forward(sample, timesteps, at::arange(2, at::kFloat)), c10::Error);
  EXPECT_THROW(unet->forward(sample, timesteps, at::arange(3, at::kLong)), c10::Error);
}

}  // namespace
}  // namespace latentd::model
