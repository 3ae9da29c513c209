#include "model/unet/guidance_embedding.h"

#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <vector>

namespace latentd::model {
namespace {

// What get_guidance_scale_embedding of diffusers 0.42.1 gives for the scales 8.5 and 1.3.
const std::vector<std::vector<float>> kReference = {
    {-0.8512358665466309F, 0.5626711249351501F, -0.4352330267429352F, 0.6816387176513672F, -0.5247832536697388F,
     -0.8266808390617371F, -0.9003178477287292F, 0.731688916683197F},
    {-0.999755859375F, 0.977527916431427F, 0.6022610664367676F, 0.029995497316122055F, -0.02209661900997162F,
     0.21080602705478668F, 0.7982991933822632F, 0.9995500445365906F}};

TEST(GuidanceEmbeddingTest, EqualsTheReference) {
  const at::Tensor embedding = GuidanceEmbedding(at::tensor({8.5, 1.3}, at::kDouble), 8);
  ASSERT_EQ(embedding.sizes(), at::IntArrayRef({2, 8}));
  for (int64_t lane = 0; lane < 2; ++lane) {
    for (int64_t i = 0; i < 8; ++i) {
      // The angle is 7500 at most, where neighbouring float32 lie 0.0005 apart.
      EXPECT_NEAR(embedding[lane][i].item<float>(), kReference[lane][i], 1e-3) << lane << " " << i;
    }
  }
}

TEST(GuidanceEmbeddingTest, AnOddLastFeatureIsZero) {
  const at::Tensor embedding = GuidanceEmbedding(at::tensor({8.5, 1.3}, at::kDouble), 9);
  EXPECT_TRUE(embedding.narrow(1, 0, 8).equal(GuidanceEmbedding(at::tensor({8.5, 1.3}, at::kDouble), 8)));
  EXPECT_EQ(embedding[0][8].item<float>(), 0);
}

}  // namespace
}  // namespace latentd::model
