#include "model/vae/vae.h"

#include <gtest/gtest.h>

#include "tests/model/layers/golden.h"

namespace latentd::model {
namespace {

constexpr int64_t kTilePixels = 32;

class VaeParity : public testing::TestWithParam<const char*> {
 protected:
  VaeParity()
      : golden_("vae/" + std::string(GetParam()) + ".safetensors"),
        vae_(ReadVaeConfig(golden_.Config()), at::TensorOptions().dtype(at::kFloat)) {
    FillParameters(*vae_);
  }

  double Difference(const std::string& name, const at::Tensor& ours) const {
    return LargestDifference(std::string(GetParam()) + " " + name, ours, golden_[name]);
  }

  const Golden golden_;
  AutoencoderKL vae_;
};

TEST_P(VaeParity, DecodesAsTheReference) {
  EXPECT_LT(Difference("out_images", vae_->Decode(golden_["latents"])), 1e-5);
}

TEST_P(VaeParity, EncodesAsTheReference) {
  const LatentDistribution latents = vae_->Encode(golden_["images"]);
  EXPECT_LT(Difference("out_mean", latents.mean), 1e-5);
  EXPECT_LT(Difference("out_log_var", latents.log_var), 1e-5);
  EXPECT_LT(Difference("out_sample", latents.Sample(golden_["noise"])), 1e-5);
}

TEST_P(VaeParity, TilesAreCutAndBlendedAsTheReferenceDoes) {
  // These outputs are stored in float16, to keep the file small.
  for (const std::string size : {"13x19", "16x22"}) {
    const at::Tensor images = vae_->DecodeTiled(golden_["latents" + size], kTilePixels);
    EXPECT_LT(Difference("out_tiled" + size, images), 2e-3);
  }
  EXPECT_LT(Difference("out_tiled_mean", vae_->EncodeTiled(golden_["large"], kTilePixels).mean), 1e-5);
}

TEST_P(VaeParity, AnImageDependsOnNothingButItself) {
  const at::Tensor latents = InputByFormula("latents", {8, vae_->config().latent_channels, 5, 7});
  const at::Tensor images = InputByFormula("images", {8, 3, 5 * vae_->config().Scale(), 8 * vae_->config().Scale()});
  const at::Tensor decoded = vae_->Decode(latents);
  const at::Tensor encoded = vae_->Encode(images).mean;
  for (const int64_t count : {1, 2, 3, 4, 5, 7}) {
    EXPECT_TRUE(SameBytes(vae_->Decode(latents.narrow(0, 0, count)), decoded.narrow(0, 0, count))) << count;
    EXPECT_TRUE(SameBytes(vae_->Encode(images.narrow(0, 0, count)).mean, encoded.narrow(0, 0, count))) << count;
  }
  EXPECT_TRUE(SameBytes(vae_->Decode(latents.narrow(0, 6, 1)), decoded.narrow(0, 6, 1)));
}

INSTANTIATE_TEST_SUITE_P(Configurations, VaeParity, testing::Values("sd", "bare"),
                         [](const auto& param) { return std::string(param.param); });

TEST(VaeTest, OneTileIsTheWholeImage) {
  const Golden golden("vae/sd.safetensors");
  AutoencoderKL vae(ReadVaeConfig(golden.Config()), at::TensorOptions().dtype(at::kFloat));
  FillParameters(*vae);
  const at::Tensor latents = golden["latents"];
  EXPECT_TRUE(SameBytes(vae->DecodeTiled(latents, 64).narrow(2, 0, 20), vae->Decode(latents)));
}

}  // namespace
}  // namespace latentd::model
