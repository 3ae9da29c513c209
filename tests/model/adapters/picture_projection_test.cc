#include "model/adapters/picture_projection.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "model/errors.h"
#include "model/weights/renamed_source.h"
#include "model/weights/safetensors_file.h"
#include "tests/model/layers/golden.h"

namespace latentd::model {
namespace {

constexpr PictureProjectionFit kFit{.embedding_features = 20, .state_features = 24, .token_features = 24};

class PictureProjectionTest : public testing::TestWithParam<std::pair<const char*, PictureProjectionKind>> {
 protected:
  // The file's tensors without "image_proj.".
  std::shared_ptr<const TensorSource> Source() const {
    const auto file = SafetensorsFile::Open(LATENTD_SOURCE_DIR "/tests/golden/" + name_);
    return RenamedSource::Select(file, [](const std::string& name, const TensorInfo& info) {
      if (!name.starts_with("image_proj.")) return std::vector<RenamedTensor>();
      return std::vector<RenamedTensor>{{.name = name.substr(11), .shape = info.shape}};
    });
  }

  std::unique_ptr<const PictureProjection> Load(const PictureProjectionFit& fit = kFit) const {
    return LoadPictureProjection(GetParam().second, *Source(), fit, at::TensorOptions().dtype(at::kFloat));
  }

  const std::string name_ = std::string("vision/projection_") + GetParam().first + ".safetensors";
  const Golden golden_{name_};
};

TEST_P(PictureProjectionTest, EqualsTheReference) {
  const auto projection = Load();
  EXPECT_EQ(projection->takes_states(), GetParam().second != PictureProjectionKind::kBase);
  EXPECT_LT(LargestDifference(GetParam().first, projection->Project(golden_["seen"]), golden_["out"]), 1e-5);
}

TEST_P(PictureProjectionTest, APictureDoesNotDependOnItsNeighbours) {
  const auto projection = Load();
  const at::Tensor all = projection->Project(golden_["seen"]);
  for (int64_t i = 0; i < all.size(0); ++i) {
    EXPECT_TRUE(SameBytes(projection->Project(golden_["seen"].narrow(0, i, 1)), all.narrow(0, i, 1)));
  }
}

TEST_P(PictureProjectionTest, IsToldByItsTensors) {
  const auto file = SafetensorsFile::Open(LATENTD_SOURCE_DIR "/tests/golden/" + name_);
  EXPECT_EQ(PictureProjectionKindOf(file->tensors()), GetParam().second);
}

TEST_P(PictureProjectionTest, RefusesAnEncoderOrANetworkOfOtherWidths) {
  EXPECT_THROW(Load({.embedding_features = 21, .state_features = 25, .token_features = 24}), ModelError);
  EXPECT_THROW(Load({.embedding_features = 20, .state_features = 24, .token_features = 16}), ModelError);
}

INSTANTIATE_TEST_SUITE_P(Kinds, PictureProjectionTest,
                         testing::Values(std::pair("base", PictureProjectionKind::kBase),
                                         std::pair("full_face", PictureProjectionKind::kFullFace),
                                         std::pair("plus", PictureProjectionKind::kPlus)),
                         [](const auto& test) { return test.param.first; });

TEST(PictureProjectionKindTest, FacesIdentitiesAreKnownAndNotServed) {
  const auto kind = [](std::initializer_list<const char*> names) {
    std::map<std::string, TensorInfo> tensors;
    for (const char* name : names) tensors[name] = {.dtype = at::kHalf, .shape = {1, 1}};
    return PictureProjectionKindOf(tensors);
  };
  using enum PictureProjectionKind;
  EXPECT_EQ(kind({"image_proj.proj.0.weight", "image_proj.proj.2.weight", "image_proj.norm.weight"}), kFaceId);
  EXPECT_EQ(kind({"image_proj.perceiver_resampler.proj_in.weight", "image_proj.proj.0.weight"}), kFaceId);
  EXPECT_EQ(kind({"image_proj.proj.weight", "ip_adapter.0.to_q_lora.down.weight"}), kFaceId);
  EXPECT_EQ(kind({"image_proj.what", "ip_adapter.1.to_k_ip.weight"}), kUnknown);
}

}  // namespace
}  // namespace latentd::model
