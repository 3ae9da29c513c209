#include "model/vae/vq_model.h"

#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/model/layers/golden.h"

namespace latentd::model {
namespace {

class VQModelParity : public testing::TestWithParam<const char*> {
 protected:
  static constexpr int64_t kImages = 2;  // in the golden files

  VQModelParity() : golden_("vq_model/" + std::string(GetParam()) + ".safetensors"), model_(Make(at::kFloat)) {}

  VQModel Make(at::ScalarType type) const {
    VQModel model(ReadVQModelConfig(golden_.Config()), at::TensorOptions().dtype(type));
    FillParameters(*model);
    return model;
  }

  at::Tensor Latents(const std::string& size) const {
    const at::Tensor codes = golden_["codes" + size];
    return InputByFormula("latents" + size, {kImages, model_->config().code_features, codes.size(1), codes.size(2)});
  }

  at::Tensor Images(const std::string& size) const {
    const at::Tensor codes = golden_["codes" + size];
    const int64_t scale = model_->config().Scale();
    return InputByFormula("images" + size,
                          {kImages, model_->config().in_channels, scale * codes.size(1), scale * codes.size(2)});
  }

  double Difference(const std::string& name, const at::Tensor& ours) const {
    return LargestDifference(std::string(GetParam()) + " " + name + " " + c10::toString(ours.scalar_type()), ours,
                             golden_[name]);
  }

  const Golden golden_;
  const VQModel model_;
  const std::vector<std::string> sizes_ = {"5x7", "8x3"};
};

TEST_P(VQModelParity, EncodesWithoutQuantisingAsTheReference) {
  for (const std::string& size : sizes_) {
    EXPECT_LT(Difference("latents" + size, model_->Encode(Images(size))), 1e-5);
  }
}

TEST_P(VQModelParity, DecodesTheNearestCodesAsTheReference) {
  for (const std::string& size : sizes_) EXPECT_LT(Difference("out" + size, model_->Decode(Latents(size))), 1e-5);
}

TEST_P(VQModelParity, DecodesLatentsAsTheyAreOrCodesAsTheReference) {
  for (const std::string& size : sizes_) {
    if (model_->config().lookup_from_codebook) {
      EXPECT_LT(Difference("looked_up" + size, model_->DecodeCodes(golden_["codes" + size])), 1e-5);
    } else {
      EXPECT_LT(Difference("unquantized" + size, model_->DecodeUnquantized(Latents(size))), 1e-5);
    }
  }
}

TEST_P(VQModelParity, DecodingLatentsIsDecodingTheirCodes) {
  EXPECT_TRUE(SameBytes(model_->Decode(Latents("5x7")), model_->DecodeCodes(golden_["codes5x7"])));
}

TEST_P(VQModelParity, StaysNearTheReferenceInReducedTypes) {
  // Not Decode: a latent between two codes goes to either of them.
  const VQModel bfloat16 = Make(at::kBFloat16);
  EXPECT_LT(Difference("out5x7", bfloat16->DecodeCodes(golden_["codes5x7"])), 0.15);
  EXPECT_LT(Difference("latents5x7", bfloat16->Encode(Images("5x7"))), 0.15);
  const VQModel float16 = Make(at::kHalf);
  EXPECT_LT(Difference("out5x7", float16->DecodeCodes(golden_["codes5x7"])), 0.02);
  EXPECT_LT(Difference("latents5x7", float16->Encode(Images("5x7"))), 0.02);
}

TEST_P(VQModelParity, AnImageDependsOnNothingButItself) {
  const int64_t scale = model_->config().Scale();
  const at::Tensor latents = InputByFormula("latents", {8, model_->config().code_features, 5, 7});
  const at::Tensor images = InputByFormula("images", {8, model_->config().in_channels, 5 * scale, 8 * scale});
  const at::Tensor decoded = model_->Decode(latents);
  const at::Tensor encoded = model_->Encode(images);
  for (const int64_t count : {1, 2, 3, 4, 5, 7}) {
    EXPECT_TRUE(SameBytes(model_->Decode(latents.narrow(0, 0, count)), decoded.narrow(0, 0, count))) << count;
    EXPECT_TRUE(SameBytes(model_->Encode(images.narrow(0, 0, count)), encoded.narrow(0, 0, count))) << count;
  }
  EXPECT_TRUE(SameBytes(model_->Decode(latents.narrow(0, 6, 1)), decoded.narrow(0, 6, 1)));
}

TEST_P(VQModelParity, RefusesCodesThatItDoesNotHave) {
  const at::Tensor codes = at::ones({1, 2, 3}, at::kLong);
  EXPECT_NO_THROW(model_->DecodeCodes(codes));
  EXPECT_THROW(model_->DecodeCodes(codes * -1), c10::Error);
  EXPECT_THROW(model_->DecodeCodes(codes * model_->config().codes), c10::Error);
  EXPECT_THROW(model_->DecodeCodes(codes.to(at::kFloat)), c10::Error);
  EXPECT_THROW(model_->DecodeCodes(codes.flatten()), c10::Error);
}

INSTANTIATE_TEST_SUITE_P(Configurations, VQModelParity, testing::Values("ldm", "unusual"),
                         [](const auto& param) { return std::string(param.param); });

}  // namespace
}  // namespace latentd::model
