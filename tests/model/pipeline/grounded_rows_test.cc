// Rows with phrases in boxes, at the level of the four verbs: each is its lone run beside any others.

#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "model/pipeline/diffusion_pipeline.h"
#include "model/pipeline/model_folder.h"
#include "tests/model/layers/golden.h"

namespace latentd::model {
namespace {

const std::filesystem::path kModel =
    std::filesystem::path(LATENTD_SOURCE_DIR) / "tests/golden/pipelines/models/tiny-gligen";

class GroundedRows : public testing::Test {
 protected:
  Conditioning Encode(const std::string& text) {
    const Prompt prompt{.text = text};
    return model_.Encode({&prompt, 1})[0];
  }

  at::Tensor Phrase(const std::string& text) {
    const Prompt prompt{.text = text, .literal = true, .is_phrase = true};
    return model_.Encode({&prompt, 1})[0].pooled;
  }

  at::Tensor Predict(const PredictRow& row) { return model_.Predict({&row, 1})[0]; }

  DiffusionPipeline model_{ModelFolder::Open(kModel).load(at::TensorOptions().dtype(at::kFloat))};
};

TEST_F(GroundedRows, APhraseIsOneVectorBesideAnyPrompts) {
  const std::vector<Prompt> prompts = {{.text = "a red apple BREAK house", .clip_skip = 1},
                                       {.text = "a red apple", .literal = true, .is_phrase = true},
                                       {.text = "green"},
                                       {.text = "the (green) house", .literal = true, .is_phrase = true}};
  const std::vector<Conditioning> together = model_.Encode(prompts);
  for (const size_t i : {size_t{1}, size_t{3}}) {
    EXPECT_FALSE(together[i].states.defined());
    EXPECT_TRUE(SameBytes(together[i].pooled, Phrase(prompts[i].text)));
  }
  EXPECT_FALSE(SameBytes(together[1].pooled, together[3].pooled));
  EXPECT_TRUE(SameBytes(together[2].states, Encode("green").states));
}

TEST_F(GroundedRows, AreTheirLoneRunsBesideAnyOthers) {
  const Conditioning cond = Encode("a red apple"), uncond = Encode("green"), longer = Encode("a BREAK house");
  const Grounding one{.boxes = {{0.1f, 0.2f, 0.5f, 0.9f}}, .phrases = Phrase("apple").unsqueeze(0)};
  Grounding many;
  for (int i = 0; i < 30; ++i) many.boxes.push_back({0, 0, 0.03f * static_cast<float>(i + 1), 1});
  many.phrases = Phrase("the green house").unsqueeze(0).expand({30, -1}).contiguous();
  std::vector<PredictRow> rows;
  const auto add = [&](double timestep, const Conditioning* with, const Conditioning* without, const Grounding* boxes) {
    rows.push_back({.latent = at::randn({4, 9, 7}),
                    .concat = {},
                    .timestep = timestep,
                    .cond = with,
                    .uncond = without,
                    .guidance_scale = 5,
                    .grounding = boxes});
  };
  add(901, &cond, &uncond, &one);
  add(401, &cond, &uncond, nullptr);
  add(501, &longer, &uncond, &many);
  add(301, &cond, nullptr, &one);
  add(11, &uncond, &cond, &many);
  add(21, &longer, &longer, nullptr);
  const std::vector<at::Tensor> together = model_.Predict(rows);
  for (size_t i = 0; i < rows.size(); ++i) EXPECT_TRUE(SameBytes(Predict(rows[i]), together[i])) << i;
  // What a box says counts, and that there are none, too.
  PredictRow changed = rows[0];
  changed.grounding = &many;
  EXPECT_FALSE(SameBytes(Predict(changed), together[0]));
  const Grounding none;
  changed.grounding = &none;
  const at::Tensor without_objects = Predict(changed);
  changed.grounding = nullptr;
  EXPECT_FALSE(SameBytes(Predict(changed), without_objects));
}

TEST_F(GroundedRows, NeighboursDoNotMatterWithALoraOnEveryLayer) {
  const auto lora = model_.LoadLora(std::filesystem::path(LATENTD_SOURCE_DIR) /
                                    "tests/golden/pipelines/adapters/lora-gated.safetensors");
  const std::vector<AppliedLora> loras = {{.lora = lora, .scale = 0.8}};
  const Conditioning cond = Encode("a red apple"), uncond = Encode("green");
  const Grounding one{.boxes = {{0.1f, 0.2f, 0.5f, 0.9f}}, .phrases = Phrase("apple").unsqueeze(0)};
  std::vector<PredictRow> rows;
  for (const bool grounded : {false, true, true, false}) {
    rows.push_back({.latent = at::randn({4, 8, 8}),
                    .concat = {},
                    .timestep = 100.0 * static_cast<double>(rows.size()),
                    .cond = &cond,
                    .uncond = &uncond,
                    .guidance_scale = 4,
                    .loras = rows.size() % 2 == 0 ? std::span<const AppliedLora>() : loras,
                    .grounding = grounded ? &one : nullptr});
  }
  const std::vector<at::Tensor> together = model_.Predict(rows);
  for (size_t i = 0; i < rows.size(); ++i) EXPECT_TRUE(SameBytes(Predict(rows[i]), together[i])) << i;
  // It changes the gated attention, too.
  PredictRow plain = rows[1];
  plain.loras = {};
  EXPECT_FALSE(SameBytes(Predict(plain), together[1]));
}

}  // namespace
}  // namespace latentd::model
