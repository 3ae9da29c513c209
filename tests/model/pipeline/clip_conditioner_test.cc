#include "model/pipeline/clip_conditioner.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "model/text/json_file.h"
#include "tests/model/layers/golden.h"

namespace latentd::model {
namespace {

const std::filesystem::path& Folder() {
  static const std::filesystem::path kFolder = std::filesystem::path(LATENTD_SOURCE_DIR) / "tests/golden/text";
  return kFolder;
}

class ClipConditionerTest : public testing::Test {
 protected:
  ClipConditioner Make() const {
    ClipTextModel encoder(ReadClipTextConfig(golden_.Config()), at::TensorOptions().dtype(at::kFloat));
    FillParameters(*encoder);
    const at::NoGradGuard no_grad;
    encoder->named_parameters()["text_model.final_layer_norm.bias"].add_(0.5);  // as make_prompt_goldens.py
    return ClipConditioner(ClipTokenizer::FromFolder(Folder() / "sd1"), encoder, at::kCPU);
  }

  static std::vector<at::Tensor> Encode(const ClipConditioner& conditioner, const std::vector<Prompt>& prompts) {
    std::vector<at::Tensor> states;
    for (Conditioning& each : conditioner.Encode(prompts)) states.push_back(std::move(each.states));
    return states;
  }

  const Golden golden_{"text/prompt_states.safetensors"};
};

TEST_F(ClipConditionerTest, GivesTheReferencesStatesAllPromptsTogetherAndEachAlone) {
  const nlohmann::json cases = ReadJsonObject(Folder() / "prompts.json")["cases"];
  std::vector<std::string> names = golden_.NamesThatBegin("");
  ASSERT_GE(names.size(), 8u);
  std::vector<Prompt> prompts;
  for (const std::string& name : names) {  // "<number>.<clip skip>"
    const size_t point = name.find('.');
    prompts.push_back({.text = cases[std::stoul(name.substr(0, point))]["prompt"].get<std::string>(),
                       .clip_skip = std::stoi(name.substr(point + 1))});
  }
  const ClipConditioner conditioner = Make();
  const std::vector<at::Tensor> together = Encode(conditioner, prompts);
  int64_t longest = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    ASSERT_EQ(together[i].sizes(), golden_[names[i]].sizes()) << prompts[i].text;
    EXPECT_LT(LargestDifference(names[i], together[i], golden_[names[i]]), 2e-5) << prompts[i].text;
    EXPECT_TRUE(SameBytes(Encode(conditioner, {prompts[i]})[0], together[i])) << prompts[i].text;
    longest = std::max(longest, together[i].size(0));
  }
  EXPECT_GE(longest, 77 * 4);
}

TEST_F(ClipConditionerTest, ALiteralPromptHasNoSyntaxAndIsCut) {
  const ClipConditioner conditioner = Make();
  const std::vector<Prompt> prompts = {{.text = "a (red:1.3) apple"}, {.text = "a (red:1.3) apple", .literal = true}};
  const std::vector<at::Tensor> states = Encode(conditioner, prompts);
  EXPECT_FALSE(SameBytes(states[0], states[1]));
  // Escaped, it is the same text.
  EXPECT_TRUE(SameBytes(Encode(conditioner, {{.text = R"(a \(red:1.3\) apple)"}})[0], states[1]));

  std::string text;
  for (int i = 0; i < 80; ++i) text += "the ";
  EXPECT_EQ(Encode(conditioner, {{.text = text}})[0].size(0), 2 * 77);
  const std::vector<Conditioning> literal = conditioner.Encode(std::vector<Prompt>{{.text = text, .literal = true}});
  EXPECT_EQ(literal[0].states.size(0), 77);
  EXPECT_EQ(literal[0].cut_text, "the the the the the");
}

TEST_F(ClipConditionerTest, WithoutWeightsAWindowIsAsTheEncoderGivesIt) {
  const ClipConditioner conditioner = Make();
  const std::vector<at::Tensor> states = Encode(conditioner, {{.text = "a red apple"},
                                                              {.text = "a red apple", .literal = true},
                                                              {.text = "(a:1) red apple"},
                                                              {.text = "a red apple BREAK (green:1.5)"}});
  EXPECT_TRUE(SameBytes(states[0], states[1]));
  EXPECT_TRUE(SameBytes(states[0], states[2]));
  EXPECT_TRUE(SameBytes(states[0], states[3].narrow(0, 0, 77)));  // weights stay in their window
}

TEST_F(ClipConditionerTest, RefusesWhatShouldHaveBeenRefusedBefore) {
  EXPECT_THROW(Encode(Make(), {{.text = "a (red apple"}}), std::invalid_argument);
}

}  // namespace
}  // namespace latentd::model
