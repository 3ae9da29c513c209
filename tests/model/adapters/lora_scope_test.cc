#include "model/adapters/lora_scope.h"

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <memory>
#include <vector>

#include "model/layers/linear.h"
#include "tests/model/layers/golden.h"

namespace latentd::model {
namespace {

struct TwoLayersImpl : torch::nn::Module {
  TwoLayersImpl() {
    first = register_module("first", Linear(6, 5, true, at::TensorOptions()));
    second = register_module("second", Linear(6, 5, true, at::TensorOptions()));
  }
  Linear first{nullptr}, second{nullptr};
};
TORCH_MODULE(TwoLayers);

std::shared_ptr<const Lora> MakeLora(const std::string& name, size_t layer, const std::string& network = "unet") {
  Lora::Change change{
      .layer = layer,
      .weights = {.down = InputByFormula(name + " down", {2, 6}), .up = InputByFormula(name + " up", {5, 2})}};
  return std::make_shared<Lora>(std::map<std::string, std::vector<Lora::Change>>{{network, {change}}});
}

class LoraScopeTest : public testing::Test {
 protected:
  void SetUp() override { FillParameters(*module_); }

  TwoLayers module_;
  const AdaptableNetwork network_{"unet", *module_};
  const at::Tensor x_ = InputByFormula("x", {4, 3, 6});
};

TEST_F(LoraScopeTest, TheNetworkHasItsLayersByName) {
  ASSERT_EQ(network_.layers().size(), 2u);
  EXPECT_EQ(network_.layers()[0].name, "first");
  EXPECT_EQ(network_.layers()[1].name, "second");
}

TEST_F(LoraScopeTest, ChangesItsLanesAndLayersAloneAndNothingAfterItsEnd) {
  const at::Tensor plain = module_->first->forward(x_);
  const std::vector<AppliedLora> loras = {{.lora = MakeLora("a", 0), .scale = 0.5}};
  const std::vector<LoraSet> lanes = {{}, loras, loras, {}};
  {
    const LoraScope scope(network_, lanes);
    const at::Tensor changed = module_->first->forward(x_);
    EXPECT_TRUE(SameBytes(changed[0], plain[0]));
    EXPECT_TRUE(SameBytes(changed[3], plain[3]));
    EXPECT_GT((changed[1] - plain[1]).abs().max().item<double>(), 0.1);
    EXPECT_GT((changed[2] - plain[2]).abs().max().item<double>(), 0.1);
    EXPECT_TRUE(SameBytes(module_->second->forward(x_), module_->second->forward(x_.clone())));
  }
  EXPECT_TRUE(SameBytes(module_->first->forward(x_), plain));
}

TEST_F(LoraScopeTest, AScaleOfZeroAndAnotherNetworksLoraChangeNothing) {
  const at::Tensor plain = module_->first->forward(x_);
  const std::vector<AppliedLora> loras = {{.lora = MakeLora("a", 0), .scale = 0},
                                          {.lora = MakeLora("a", 0, "text_encoder"), .scale = 1}};
  const std::vector<LoraSet> lanes(4, loras);
  const LoraScope scope(network_, lanes);
  EXPECT_TRUE(SameBytes(module_->first->forward(x_), plain));
}

TEST_F(LoraScopeTest, ALoraOfALargerNetworkIsRefused) {
  const std::vector<AppliedLora> loras = {{.lora = MakeLora("a", 2), .scale = 1}};
  const std::vector<LoraSet> lanes(4, loras);
  EXPECT_THROW(LoraScope(network_, lanes), c10::Error);
}

TEST_F(LoraScopeTest, ALaneIsTheSameBesideAnyOthers) {
  const std::vector<AppliedLora> one = {{.lora = MakeLora("a", 0), .scale = 0.8}};
  const std::vector<AppliedLora> two = {{.lora = MakeLora("b", 0), .scale = -0.5}, one[0]};
  const std::vector<AppliedLora> weaker = {{.lora = one[0].lora, .scale = 0.1}};
  const std::vector<LoraSet> lanes = {one, two, {}, weaker};
  at::Tensor together;
  {
    const LoraScope scope(network_, lanes);
    together = module_->first->forward(x_);
  }
  for (int64_t lane = 0; lane < 4; ++lane) {
    const LoraScope scope(network_, std::span(lanes).subspan(static_cast<size_t>(lane), 1));
    EXPECT_TRUE(SameBytes(module_->first->forward(x_.narrow(0, lane, 1))[0], together[lane])) << lane;
  }
}

TEST(NumberLorasTest, EqualSetsShareTheNumberOfTheirFirst) {
  const auto a = MakeLora("a", 0), b = MakeLora("b", 0);
  const std::vector<AppliedLora> one = {{a, 1}}, again = {{a, 1}}, weaker = {{a, 0.5}}, both = {{a, 1}, {b, 1}},
                                 turned = {{b, 1}, {a, 1}};
  EXPECT_THAT(NumberLoras(std::vector<LoraSet>{both, one, {}, again, weaker, turned, both, {}}),
              testing::ElementsAre(0, 1, 2, 1, 3, 4, 0, 2));
}

}  // namespace
}  // namespace latentd::model
