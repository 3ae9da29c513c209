#include "model/weights/original_checkpoint.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "model/weights/recognise.h"
#include "tests/model/weights/memory_source.h"
#include "tests/model/weights/original_table.h"
#include "tests/model/weights/shape_source.h"
#include "tests/model/weights/test_folder.h"

namespace latentd::model {
namespace {

using testing::ElementsAre;
using testing::Pair;

// Full-size checkpoints, tensor by tensor as diffusers reads them.
class OriginalSystems : public testing::TestWithParam<std::string> {};

TEST_P(OriginalSystems, AreRecognised) {
  const FileIdentity identity = Recognise(OriginalTable::Read(GetParam()).tensors);
  EXPECT_EQ(identity.kind, FileKind::kCheckpoint);
  EXPECT_EQ(identity.architecture, GetParam());
}

TEST_P(OriginalSystems, BecomeWhatDiffusersMakesOfThem) {
  const OriginalTable table = OriginalTable::Read(GetParam());
  const auto file = std::make_shared<ShapeSource>(table.tensors);
  const OriginalCheckpoint checkpoint = SplitOriginalCheckpoint(file, GetParam());
  EXPECT_THAT(checkpoint.others, testing::IsEmpty());
  ASSERT_EQ(checkpoint.parts.size(), table.parts.size());
  for (const auto& [part, targets] : table.parts) {
    ASSERT_TRUE(checkpoint.parts.contains(part)) << part;
    const TensorSource& source = *checkpoint.parts.at(part).tensors;
    EXPECT_EQ(source.tensors().size(), targets.size()) << part;
    for (const auto& [name, target] : targets) {
      const auto found = source.tensors().find(name);
      ASSERT_NE(found, source.tensors().end()) << part << ": " << name;
      EXPECT_EQ(found->second.shape, target.shape) << name;
      const at::Tensor value = source.Get(name);
      EXPECT_EQ(value.sizes(), at::IntArrayRef(target.shape)) << name;
      EXPECT_EQ(value.flatten()[0].item<int64_t>(), file->Number(target.original)) << name;
    }
  }
}

TEST_P(OriginalSystems, AreRecognisedWithNineChannelsForInpainting) {
  std::map<std::string, TensorInfo> tensors = OriginalTable::Read(GetParam()).tensors;
  tensors.at("model.diffusion_model.input_blocks.0.0.weight").shape[1] = 9;
  EXPECT_EQ(Recognise(tensors).architecture, GetParam());
}

TEST_P(OriginalSystems, TheirVaeAloneIsOne) {
  const OriginalTable table = OriginalTable::Read(GetParam());
  for (const std::string prefix : {"", "first_stage_model.", "vae."}) {
    std::map<std::string, TensorInfo> tensors;
    for (const auto& [name, info] : table.tensors) {
      const std::string old_prefix = "first_stage_model.";
      if (name.starts_with(old_prefix)) tensors[prefix + name.substr(old_prefix.size())] = info;
    }
    EXPECT_EQ(Recognise(tensors).kind, FileKind::kVae);
    const OriginalCheckpoint::Part vae = OriginalVae(std::make_shared<ShapeSource>(tensors));
    std::vector<std::string> names;
    for (const auto& [name, info] : vae.tensors->tensors()) names.push_back(name);
    std::vector<std::string> expected;
    for (const auto& [name, target] : table.parts.at("vae")) expected.push_back(name);
    EXPECT_EQ(names, expected);
  }
}

INSTANTIATE_TEST_SUITE_P(All, OriginalSystems,
                         testing::Values("stable-diffusion-1", "stable-diffusion-2", "stable-diffusion-xl",
                                         "stable-diffusion-xl-refiner"),
                         [](const testing::TestParamInfo<std::string>& system) {
                           std::string name = system.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(OriginalCheckpointTest, QueriesKeysAndValuesStandInThisOrderAndProjectionsAreTransposed) {
  const at::Tensor fused = at::arange(6 * 2).view({6, 2});
  const at::Tensor bias = at::arange(6);
  const at::Tensor projection = at::arange(6).view({2, 3});
  const std::string text = "conditioner.embedders.1.model.";
  const auto file = std::make_shared<MemorySource>(
      std::map<std::string, at::Tensor>{{text + "transformer.resblocks.0.attn.in_proj_weight", fused},
                                        {text + "transformer.resblocks.0.attn.in_proj_bias", bias},
                                        {text + "text_projection", projection}});
  const OriginalCheckpoint checkpoint = SplitOriginalCheckpoint(file, "stable-diffusion-xl");
  const TensorSource& source = *checkpoint.parts.at("text_encoder_2").tensors;
  const std::string attention = "text_model.encoder.layers.0.self_attn.";
  int64_t row = 0;
  for (const char* layer : {"q_proj", "k_proj", "v_proj"}) {
    EXPECT_TRUE(at::equal(source.Get(attention + layer + ".weight"), fused.narrow(0, row, 2))) << layer;
    EXPECT_TRUE(at::equal(source.Get(attention + layer + ".bias"), bias.narrow(0, row, 2))) << layer;
    row += 2;
  }
  // Views, nothing is copied.
  EXPECT_EQ(source.Get(attention + "q_proj.weight").const_data_ptr(), fused.const_data_ptr());
  EXPECT_THAT(source.tensors().at("text_projection.weight").shape, ElementsAre(3, 2));
  EXPECT_TRUE(at::equal(source.Get("text_projection.weight"), projection.t()));
  source.Release(attention + "k_proj.weight");
  EXPECT_THAT(file->released, ElementsAre(Pair(text + "transformer.resblocks.0.attn.in_proj_weight", 1)));
}

TEST(OriginalCheckpointTest, WhatTrainingLeftIsPassedOverAndTheRestIsNamed) {
  std::map<std::string, TensorInfo> tensors = OriginalTable::Read("stable-diffusion-1").tensors;
  const TensorInfo one{.dtype = at::kFloat, .shape = {1}};
  for (const char* name :
       {"betas", "alphas_cumprod_prev", "model_ema.decay", "model_ema.diffusion_modelout2bias", "global_step",
        "first_stage_model.loss.logvar", "cond_stage_model.transformer.logit_scale", "logvar"}) {
    tensors[name] = one;
  }
  const auto split = [&] {
    return SplitOriginalCheckpoint(std::make_shared<ShapeSource>(tensors), "stable-diffusion-1");
  };
  EXPECT_THAT(split().others, testing::IsEmpty());
  EXPECT_FALSE(split().parts.at("vae").tensors->tensors().contains("loss.logvar"));
  EXPECT_FALSE(split().parts.at("text_encoder").tensors->tensors().contains("logit_scale"));
  tensors["something.else"] = one;
  tensors["cond_stage_model.model.token_embedding.weight"] = one;
  EXPECT_THAT(split().others, ElementsAre("cond_stage_model.model.token_embedding.weight", "something.else"));
}

TEST(OriginalCheckpointTest, NamesThatNoNetworkHasStayAsTheyAre) {
  const TensorInfo one{.dtype = at::kFloat, .shape = {4}};
  std::map<std::string, TensorInfo> tensors;
  const std::vector<std::string> unet = {"input_blocks.1.0.in_layers.7.weight",
                                         "input_blocks.99999.0.in_layers.0.weight",
                                         "input_blocks.x.0.in_layers.0.weight",
                                         "middle_block.3.in_layers.0.weight",
                                         "output_blocks.77.0.in_layers.0.weight",
                                         "out",
                                         "label_emb.weight",
                                         ""};
  for (const std::string& name : unet) tensors["model.diffusion_model." + name] = one;
  const std::vector<std::string> vae = {"decoder.up.1",
                                        "decoder.up.x.block.0.conv1.weight",
                                        "encoder.mid.attn_2.q.weight",
                                        "encoder.up.0.block.0.conv1.weight",
                                        "encoder.mid.attn_1.x.weight",
                                        "decoder."};
  for (const std::string& name : vae) tensors["first_stage_model." + name] = one;
  const std::vector<std::string> text = {"transformer.resblocks.x.ln_1.weight", "transformer.resblocks", "other"};
  for (const std::string& name : text) tensors["cond_stage_model.model." + name] = one;
  const OriginalCheckpoint checkpoint =
      SplitOriginalCheckpoint(std::make_shared<ShapeSource>(tensors), "stable-diffusion-2");
  const auto expect_same = [&](const std::string& part, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      EXPECT_TRUE(checkpoint.parts.at(part).tensors->tensors().contains(name)) << part << ": " << name;
    }
  };
  expect_same("unet", unet);
  expect_same("vae", vae);
  expect_same("text_encoder", text);
}

TEST(OriginalCheckpointTest, RefusesTwoTensorsThatAreOne) {
  const auto file = std::make_shared<MemorySource>(
      std::map<std::string, at::Tensor>{{"model.diffusion_model.conv_in.weight", at::arange(2)},
                                        {"model.diffusion_model.input_blocks.0.0.weight", at::arange(2)}});
  EXPECT_THAT(ProblemsOf([&] { SplitOriginalCheckpoint(file, "stable-diffusion-1"); }),
              ElementsAre("'conv_in.weight' and 'input_blocks.0.0.weight' are both 'conv_in.weight'"));
}

}  // namespace
}  // namespace latentd::model
