#include "model/vision/clip_vision_model.h"

#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/model/layers/golden.h"

namespace latentd::model {
namespace {

class ClipVisionModelTest : public testing::TestWithParam<std::string> {
 protected:
  ClipVisionModelWithProjection Make(at::ScalarType type = at::kFloat) const {
    ClipVisionModelWithProjection model(ReadClipVisionConfig(golden_.Config()), at::TensorOptions().dtype(type));
    FillParameters(*model);
    return model;
  }

  at::Tensor Pixels() const {
    const int64_t edge = ReadClipVisionConfig(golden_.Config()).image_size;
    return InputByFormula("pixels", {3, 3, edge, edge});
  }

  const Golden golden_{"vision/encoder_" + GetParam() + ".safetensors"};
};

TEST_P(ClipVisionModelTest, EqualsTheReference) {
  const ClipVisionModelWithProjection model = Make();
  EXPECT_LT(LargestDifference(GetParam() + " embeds", model->Embed(Pixels()), golden_["embeds"]), 1e-5);
  EXPECT_LT(LargestDifference(GetParam() + " states", model->Penultimate(Pixels()), golden_["penultimate"]), 2e-5);
}

TEST_P(ClipVisionModelTest, StaysNearTheReferenceInBfloat16) {
  const ClipVisionModelWithProjection model = Make(at::kBFloat16);
  EXPECT_EQ(model->Embed(Pixels()).scalar_type(), at::kBFloat16);
  EXPECT_LT(LargestDifference(GetParam() + " bfloat16", model->Embed(Pixels()), golden_["embeds"]), 0.15);
}

TEST_P(ClipVisionModelTest, APictureDoesNotDependOnItsNeighbours) {
  const ClipVisionModelWithProjection model = Make();
  const at::Tensor all = Pixels();
  for (int64_t i = 0; i < all.size(0); ++i) {
    const at::Tensor alone = all.narrow(0, i, 1);
    EXPECT_TRUE(SameBytes(model->Embed(alone), model->Embed(all).narrow(0, i, 1)));
    EXPECT_TRUE(SameBytes(model->Penultimate(alone), model->Penultimate(all).narrow(0, i, 1)));
  }
}

TEST_P(ClipVisionModelTest, RefusesPicturesOfAnotherSize) {
  const ClipVisionModelWithProjection model = Make();
  EXPECT_THROW(model->Embed(at::zeros({1, 3, 27, 28})), c10::Error);
  EXPECT_THROW(model->Penultimate(at::zeros({3, 28, 28})), c10::Error);
}

INSTANTIATE_TEST_SUITE_P(Configurations, ClipVisionModelTest, testing::Values("openai", "open_clip"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace latentd::model
