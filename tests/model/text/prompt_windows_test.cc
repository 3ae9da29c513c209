#include "model/text/prompt_windows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "model/text/json_file.h"

namespace latentd::model {
namespace {

using ::testing::Each;

const std::filesystem::path& Folder() {
  static const std::filesystem::path kFolder = std::filesystem::path(LATENTD_SOURCE_DIR) / "tests/golden/text";
  return kFolder;
}

std::string Repeated(const std::string& word, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += word;
  return text;
}

class PromptWindowsGolden : public testing::TestWithParam<std::string> {};

TEST_P(PromptWindowsGolden, AreTheReferences) {
  const auto tokenizer = ClipTokenizer::FromFolder(Folder() / GetParam());
  size_t several = 0;
  const nlohmann::json cases = ReadJsonObject(Folder() / "prompts.json")["cases"];
  for (const nlohmann::json& golden : cases) {
    const auto prompt = golden["prompt"].get<std::string>();
    SCOPED_TRACE(prompt);
    const PromptWindows ours = SplitIntoWindows(tokenizer, ParseWeightedPrompt(prompt).pieces);
    EXPECT_EQ(ours.cut_text, "");
    const nlohmann::json& expected = golden["windows"][GetParam()];
    ASSERT_EQ(ours.windows.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(ours.windows[i].ids, expected[i]["ids"].get<std::vector<int64_t>>()) << i;
      EXPECT_EQ(ours.windows[i].weights, expected[i]["weights"].get<std::vector<float>>()) << i;
    }
    several += expected.size() > 1;
  }
  EXPECT_GT(several, 8u);
}

INSTANTIATE_TEST_SUITE_P(Folders, PromptWindowsGolden, testing::Values("sd1", "saved_sd2"),
                         [](const auto& test) { return test.param; });

class PromptWindowsTest : public testing::Test {
 protected:
  PromptWindows Split(const std::string& prompt) const {
    return SplitIntoWindows(tokenizer_, ParseWeightedPrompt(prompt).pieces);
  }

  const ClipTokenizer tokenizer_ = ClipTokenizer::FromFolder(Folder() / "sd1");
};

TEST_F(PromptWindowsTest, AShortPromptWithoutWeightsIsItsLiteralWindow) {
  for (const std::string& prompt : {std::string(), std::string("a red apple: 4k!"), Repeated("the ", 75)}) {
    const PromptWindows split = Split(prompt);
    ASSERT_EQ(split.windows.size(), 1u) << prompt;
    EXPECT_EQ(split.windows[0].ids, LiteralWindow(tokenizer_, prompt).windows[0].ids) << prompt;
    EXPECT_FALSE(split.windows[0].weighted());
  }
}

TEST_F(PromptWindowsTest, ALiteralPromptKeepsItsSyntaxAndIsCut) {
  const std::string prompt = "(red:1.3) BREAK " + Repeated("the ", 80);
  const PromptWindows literal = LiteralWindow(tokenizer_, prompt);
  ASSERT_EQ(literal.windows.size(), 1u);
  EXPECT_EQ(literal.windows[0].ids, tokenizer_.Encode(prompt).ids);
  EXPECT_THAT(literal.windows[0].weights, Each(1.0f));
  EXPECT_EQ(literal.windows[0].weights.size(), 77u);
  EXPECT_EQ(literal.cut_text, tokenizer_.Encode(prompt).truncated);
  EXPECT_NE(literal.cut_text, "");
}

TEST_F(PromptWindowsTest, WindowsBeyondTheLastAreCutAndTold) {
  const PromptWindows all = Split(Repeated("the ", 75 * 32));
  EXPECT_EQ(all.windows.size(), 32u);
  EXPECT_EQ(all.cut_text, "");
  const PromptWindows cut = Split(Repeated("the ", 75 * 32) + "red apple, " + Repeated("the ", 75) + "(apple:2)");
  EXPECT_EQ(cut.windows.size(), 32u);
  EXPECT_THAT(cut.cut_text, testing::StartsWith("red apple , the the"));
  EXPECT_THAT(cut.cut_text, testing::EndsWith("the apple"));
}

TEST_F(PromptWindowsTest, BreaksBeyondTheLastWindowAreNothing) {
  const PromptWindows cut = Split(Repeated("BREAK ", 1365));
  EXPECT_EQ(cut.windows.size(), 32u);
  EXPECT_EQ(cut.cut_text, "");
}

}  // namespace
}  // namespace latentd::model
