#include "model/vae/autoencoder_tiny.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/model/layers/golden.h"

namespace latentd::model {
namespace {

class AutoencoderTinyParity : public testing::TestWithParam<const char*> {
 protected:
  AutoencoderTinyParity()
      : golden_("autoencoder_tiny/" + std::string(GetParam()) + ".safetensors"), model_(Make(at::kFloat)) {}

  AutoencoderTiny Make(at::ScalarType type) const {
    AutoencoderTiny model(ReadAutoencoderTinyConfig(golden_.Config()), at::TensorOptions().dtype(type));
    FillParameters(*model);
    return model;
  }

  at::Tensor Images(int64_t height, int64_t width) const {
    return InputByFormula("images" + std::to_string(height) + "x" + std::to_string(width),
                          {2, model_->config().in_channels, height, width});
  }

  at::Tensor Latents(int64_t height, int64_t width) const {
    return 3 * InputByFormula("input" + std::to_string(height) + "x" + std::to_string(width),
                              {2, model_->config().latent_channels, height, width});
  }

  double Difference(const std::string& name, const at::Tensor& ours) const {
    return LargestDifference(std::string(GetParam()) + " " + name + " " + c10::toString(ours.scalar_type()), ours,
                             golden_[name]);
  }

  const Golden golden_;
  const AutoencoderTiny model_;
};

TEST_P(AutoencoderTinyParity, EncodesAsTheReference) {
  EXPECT_LT(Difference("latents24x40", model_->Encode(Images(24, 40))), 1e-5);
  EXPECT_LT(Difference("latents19x26", model_->Encode(Images(19, 26))), 1e-5);
}

TEST_P(AutoencoderTinyParity, DecodesAsTheReference) {
  EXPECT_LT(Difference("out3x5", model_->Decode(Latents(3, 5))), 4e-5);
  EXPECT_LT(Difference("out4x1", model_->Decode(Latents(4, 1))), 4e-5);
}

TEST_P(AutoencoderTinyParity, ScalesLatentsAsTheReference) {
  EXPECT_LT(Difference("scaled24x40", model_->ScaleLatents(golden_["latents24x40"])), 1e-6);
  EXPECT_LT(Difference("unscaled3x5", model_->UnscaleLatents(Latents(3, 5))), 1e-5);
}

TEST_P(AutoencoderTinyParity, StaysNearTheReferenceInReducedTypes) {
  const AutoencoderTiny bfloat16 = Make(at::kBFloat16);
  EXPECT_LT(Difference("out3x5", bfloat16->Decode(Latents(3, 5))), 0.3);
  EXPECT_LT(Difference("latents19x26", bfloat16->Encode(Images(19, 26))), 0.3);
  const AutoencoderTiny float16 = Make(at::kHalf);
  EXPECT_LT(Difference("out3x5", float16->Decode(Latents(3, 5))), 0.04);
  EXPECT_LT(Difference("latents19x26", float16->Encode(Images(19, 26))), 0.04);
}

TEST_P(AutoencoderTinyParity, AnImageDependsOnNothingButItself) {
  const at::Tensor latents = InputByFormula("latents", {8, model_->config().latent_channels, 5, 7});
  const at::Tensor images = InputByFormula("images", {8, model_->config().in_channels, 19, 26});
  const at::Tensor decoded = model_->Decode(latents);
  const at::Tensor encoded = model_->Encode(images);
  for (const int64_t count : {1, 2, 3, 4, 5, 7}) {
    EXPECT_TRUE(SameBytes(model_->Decode(latents.narrow(0, 0, count)), decoded.narrow(0, 0, count))) << count;
    EXPECT_TRUE(SameBytes(model_->Encode(images.narrow(0, 0, count)), encoded.narrow(0, 0, count))) << count;
  }
  EXPECT_TRUE(SameBytes(model_->Decode(latents.narrow(0, 6, 1)), decoded.narrow(0, 6, 1)));
}

INSTANTIATE_TEST_SUITE_P(Configurations, AutoencoderTinyParity, testing::Values("taesd", "unusual"),
                         [](const auto& param) { return std::string(param.param); });

}  // namespace
}  // namespace latentd::model
