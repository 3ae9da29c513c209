// The U-Net of grounded generation: parity with the reference, lanes with and without boxes in one forward.

#include <ATen/ops/cat.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "model/unet/unet.h"
#include "tests/model/layers/golden.h"

namespace latentd::model {
namespace {

class GatedUNetTest : public testing::Test {
 protected:
  UNet2DConditionModel Make(at::ScalarType type = at::kFloat) const {
    UNet2DConditionModel unet(ReadUNetConfig(golden_.Config()), at::TensorOptions().dtype(type));
    FillParameters(*unet);
    return unet;
  }

  // The first `count` boxes of the golden file.
  Grounding First(int64_t count) const {
    Grounding grounding;
    const at::Tensor boxes = golden_["boxes"];
    for (int64_t i = 0; i < count; ++i) {
      grounding.boxes.emplace_back();
      for (int64_t side = 0; side < 4; ++side) grounding.boxes.back()[side] = boxes[i][side].item<float>();
    }
    if (count > 0) grounding.phrases = golden_["phrases"].narrow(0, 0, count);
    return grounding;
  }

  // Lane 0 is not grounded; the others are told of 2 boxes, of none, and of 30.
  Context ContextOf(const UNet2DConditionModel& unet) const {
    const at::Tensor text = golden_["text"];
    const Grounding two = First(2), none = First(0), all = First(30);
    const std::vector<const Grounding*> grounded = {&two, &none, &all};
    return {{.states = text.narrow(0, 0, 1)}, {.states = text.narrow(0, 1, 3), .objects = unet->Objects(grounded)}};
  }

  const Golden golden_{"unet/gated.safetensors"};
};

TEST_F(GatedUNetTest, EqualsTheReferenceWithEveryNumberOfBoxesInOneForward) {
  const UNet2DConditionModel unet = Make();
  for (const std::string size : {"8x8", "9x7", "5x16"}) {
    const at::Tensor out = unet->forward(golden_["sample" + size], golden_["timesteps"], ContextOf(unet));
    EXPECT_LT(LargestDifference("gated " + size, out, golden_["out" + size]), 2e-5);
  }
}

TEST_F(GatedUNetTest, StaysNearTheReferenceInBfloat16) {
  const UNet2DConditionModel unet = Make(at::kBFloat16);
  const at::Tensor out = unet->forward(golden_["sample9x7"], golden_["timesteps"], ContextOf(unet));
  EXPECT_LT(LargestDifference("gated bfloat16", out, golden_["out9x7"]), 0.15);
}

TEST_F(GatedUNetTest, ALaneDependsOnNothingButItself) {
  const UNet2DConditionModel unet = Make();
  const at::Tensor sample = golden_["sample9x7"];
  const at::Tensor timesteps = golden_["timesteps"];
  const Context context = ContextOf(unet);
  const at::Tensor all = unet->forward(sample, timesteps, context);
  for (int64_t lane = 0; lane < 4; ++lane) {
    ContextGroup alone{.states = golden_["text"].narrow(0, lane, 1)};
    if (lane > 0) alone.objects = context[1].objects.narrow(0, lane - 1, 1);
    const at::Tensor out = unet->forward(sample.narrow(0, lane, 1), timesteps.narrow(0, lane, 1), {alone});
    EXPECT_TRUE(SameBytes(out, all.narrow(0, lane, 1))) << lane;
  }
  // The objects themselves, and lanes in another order, the grounded ones first.
  const Grounding two = First(2);
  const std::vector<const Grounding*> one = {&two};
  EXPECT_TRUE(SameBytes(unet->Objects(one), context[1].objects.narrow(0, 0, 1)));
  const auto turned = [](const at::Tensor& x) { return at::cat({x.narrow(0, 1, 3), x.narrow(0, 0, 1)}); };
  const at::Tensor out = unet->forward(turned(sample), turned(timesteps), {context[1], context[0]});
  EXPECT_TRUE(SameBytes(out, turned(all)));
}

TEST_F(GatedUNetTest, RefusesObjectsThatDoNotFit) {
  const UNet2DConditionModel unet = Make();
  Context context = ContextOf(unet);
  context[1].objects = context[1].objects.narrow(0, 0, 2);
  EXPECT_THROW(unet->forward(golden_["sample8x8"], golden_["timesteps"], context), c10::Error);
  const Golden plain("unet/sd1.safetensors");
  UNet2DConditionModel other(ReadUNetConfig(plain.Config()), at::TensorOptions().dtype(at::kFloat));
  FillParameters(*other);
  const Grounding none;
  const std::vector<const Grounding*> one = {&none};
  EXPECT_THROW(other->Objects(one), c10::Error);
  Grounding many = First(30);
  many.boxes.push_back(many.boxes.front());
  const std::vector<const Grounding*> too_many = {&many};
  EXPECT_THROW(unet->Objects(too_many), c10::Error);
}

}  // namespace
}  // namespace latentd::model
