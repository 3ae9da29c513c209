#include "model/weights/renamed_source.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/weights/key_maps/clip_keys.h"
#include "model/weights/key_maps/vae_keys.h"
#include "tests/model/weights/memory_source.h"
#include "tests/model/weights/test_folder.h"

namespace latentd::model {
namespace {

using testing::ElementsAre;
using testing::Pair;

std::vector<std::string> Names(const TensorSource& source) {
  std::vector<std::string> names;
  for (const auto& [name, info] : source.tensors()) names.push_back(name);
  return names;
}

TEST(RenamedSourceTest, ShowsTheSameDataUnderAnotherNameAndShape) {
  const auto memory = std::make_shared<MemorySource>(std::map<std::string, at::Tensor>{{"old", at::arange(6)}});
  const auto source = RenamedSource::Make(memory, [](const std::string& name, const TensorInfo&) {
    return RenamedTensor{.name = "new_" + name, .shape = {2, 3}};
  });
  EXPECT_THAT(Names(*source), ElementsAre("new_old"));
  EXPECT_THAT(source->tensors().at("new_old").shape, ElementsAre(2, 3));
  EXPECT_EQ(source->Get("new_old").const_data_ptr(), memory->Get("old").const_data_ptr());
  EXPECT_THAT(source->Get("new_old").sizes(), ElementsAre(2, 3));
  source->Release("new_old");
  EXPECT_THAT(memory->released, ElementsAre(Pair("old", 1)));
  EXPECT_EQ(source->where(), "memory");
}

TEST(RenamedSourceTest, RefusesTwoTensorsOfOneName) {
  const auto memory =
      std::make_shared<MemorySource>(std::map<std::string, at::Tensor>{{"a", at::zeros({1})}, {"b", at::zeros({1})}});
  const auto merge = [](const std::string&, const TensorInfo& info) { return RenamedTensor{"x", info.shape}; };
  EXPECT_THAT(ProblemsOf([&] { RenamedSource::Make(memory, merge); }), ElementsAre("'a' and 'b' are both 'x'"));
}

TEST(VaeKeysTest, RenamesTheAttentionOfOldFilesAndNothingElse) {
  const TensorInfo matrix{at::kFloat, {8, 8}};
  const TensorInfo convolution{at::kFloat, {8, 8, 1, 1}};
  const std::string at = "encoder.mid_block.attentions.0.";
  for (const auto& [old_name, new_name] : std::map<std::string, std::string>{
           {"query", "to_q"}, {"key", "to_k"}, {"value", "to_v"}, {"proj_attn", "to_out.0"}}) {
    EXPECT_EQ(ModernVaeKey(at + old_name + ".weight", matrix).name, at + new_name + ".weight");
    EXPECT_EQ(ModernVaeKey(at + old_name + ".bias", {at::kFloat, {8}}).name, at + new_name + ".bias");
    EXPECT_EQ(ModernVaeKey(at + new_name + ".weight", matrix).name, at + new_name + ".weight");
    EXPECT_THAT(ModernVaeKey(at + old_name + ".weight", convolution).shape, ElementsAre(8, 8));
    EXPECT_THAT(ModernVaeKey(at + new_name + ".weight", convolution).shape, ElementsAre(8, 8));
  }
  EXPECT_EQ(ModernVaeKey(at + "group_norm.weight", {at::kFloat, {8}}).name, at + "group_norm.weight");
  EXPECT_THAT(ModernVaeKey("quant_conv.weight", convolution).shape, ElementsAre(8, 8, 1, 1));
  EXPECT_EQ(ModernVaeKey("encoder.query.weight", matrix).name, "encoder.query.weight");
  EXPECT_EQ(ModernVaeKey("loose", matrix).name, "loose");
}

TEST(ClipKeysTest, AddsThePrefixWhereItIsMissing) {
  const TensorInfo info{at::kFloat, {8}};
  for (const std::string name :
       {"embeddings.token_embedding.weight", "encoder.layers.0.layer_norm1.bias", "final_layer_norm.weight"}) {
    EXPECT_EQ(PrefixedClipKey(name, info).name, "text_model." + name);
    EXPECT_EQ(PrefixedClipKey("text_model." + name, info).name, "text_model." + name);
  }
  EXPECT_EQ(PrefixedClipKey("text_projection.weight", info).name, "text_projection.weight");
  EXPECT_TRUE(IsClipConstant(PrefixedClipKey("embeddings.position_ids", info).name));
  EXPECT_FALSE(IsClipConstant("text_model.embeddings.position_embedding.weight"));
}

}  // namespace
}  // namespace latentd::model
