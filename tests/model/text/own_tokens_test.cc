#include "model/text/own_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "model/text/prompt_windows.h"

namespace latentd::model {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string Repeated(const std::string& word, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += word;
  return text;
}

class OwnTokensTest : public testing::Test {
 protected:
  std::vector<int64_t> Ids(const std::string& text, const std::vector<OwnToken>& tokens) const {
    return tokenizer_.EncodeTokens(text, OwnTokens(tokens, kFirst));
  }

  static constexpr int64_t kFirst = 100'000;
  const ClipTokenizer tokenizer_ =
      ClipTokenizer::FromFolder(std::filesystem::path(LATENTD_SOURCE_DIR) / "tests/golden/text/sd1");
  const int64_t a_ = tokenizer_.EncodeTokens("a").at(0);
  const int64_t red_ = tokenizer_.EncodeTokens("red").at(0);
};

TEST_F(OwnTokensTest, AllIdsOfATokenFollowWhereItStands) {
  const std::vector<OwnToken> tokens = {{.text = "<one>"}, {.text = "<three>", .length = 3}};
  EXPECT_THAT(Ids("a <three> red", tokens), ElementsAre(a_, kFirst + 1, kFirst + 2, kFirst + 3, red_));
  EXPECT_THAT(Ids("<one><three>a", tokens), ElementsAre(kFirst, kFirst + 1, kFirst + 2, kFirst + 3, a_));
  EXPECT_THAT(Ids("<one> <one>", tokens), ElementsAre(kFirst, kFirst));
  EXPECT_THAT(Ids("", tokens), IsEmpty());
}

TEST_F(OwnTokensTest, CaseAndWhiteSpaceAreAsEverywhere) {
  EXPECT_THAT(Ids("A <BIG  Cat>", {{.text = "<big cat>"}}), ElementsAre(a_, kFirst));
  EXPECT_THAT(Ids("a <big cat>", {{.text = "<Big Cat>"}}), ElementsAre(a_, kFirst));
}

TEST_F(OwnTokensTest, AWordIsNotFoundInsideAnother) {
  const std::vector<OwnToken> tokens = {{.text = "red"}};
  EXPECT_THAT(Ids("red", tokens), ElementsAre(kFirst));
  EXPECT_THAT(Ids("a red, red.", tokens),
              ElementsAre(a_, kFirst, tokenizer_.EncodeTokens(",").at(0), kFirst, tokenizer_.EncodeTokens(".").at(0)));
  for (const std::string word : {"redder", "tired", "red_1", "red5", "äred"}) {
    EXPECT_EQ(Ids(word, tokens), tokenizer_.EncodeTokens(word)) << word;
  }
  EXPECT_EQ(Ids("tired red", tokens).back(), kFirst);
}

TEST_F(OwnTokensTest, TheLongestCountsAndOfEqualOnesTheFirst) {
  EXPECT_THAT(Ids("<cat>-red", {{.text = "<cat>"}, {.text = "<cat>-red"}}), ElementsAre(kFirst + 1));
  EXPECT_THAT(Ids("bad-hands-5", {{.text = "bad-hands"}, {.text = "bad-hands-5"}}), ElementsAre(kFirst + 1));
  EXPECT_THAT(Ids("<cat>", {{.text = "<cat>", .length = 2}, {.text = "<CAT>"}}), ElementsAre(kFirst, kFirst + 1));
}

TEST_F(OwnTokensTest, ATokenWithoutIdsIsWords) {
  EXPECT_EQ(Ids("red", {{.text = "red", .length = 0}}), tokenizer_.EncodeTokens("red"));
}

TEST_F(OwnTokensTest, IdsTellTheirToken) {
  const std::vector<OwnToken> tokens = {
      {.text = "<one>"}, {.text = "none", .length = 0}, {.text = "<two>", .length = 2}};
  const OwnTokens own(tokens, kFirst);
  EXPECT_EQ(own.TokenOf(kFirst - 1), std::nullopt);
  EXPECT_EQ(own.TokenOf(kFirst), 0u);
  EXPECT_EQ(own.TokenOf(kFirst + 2), 2u);
  EXPECT_EQ(own.TokenOf(kFirst + 3), std::nullopt);
  EXPECT_EQ(own.LengthFrom(kFirst + 1), 2);
  EXPECT_EQ(own.LengthFrom(kFirst + 2), 0);
  EXPECT_EQ(own.TextFrom(kFirst + 1), "<two>");
  EXPECT_EQ(own.TextFrom(kFirst + 2), "");
  EXPECT_EQ(own.TextFrom(1), std::nullopt);
}

TEST_F(OwnTokensTest, TheIdsOfATokenStayInOneWindowWithItsWeight) {
  const std::vector<OwnToken> tokens = {{.text = "<toy>", .length = 4}};
  const OwnTokens own(tokens, kFirst);
  const PromptWindows split =
      SplitIntoWindows(tokenizer_, ParseWeightedPrompt(Repeated("the ", 72) + "(<toy>:1.5) red").pieces, own);
  ASSERT_EQ(split.windows.size(), 2u);
  EXPECT_THAT(std::vector<int64_t>(split.windows[0].ids.begin() + 73, split.windows[0].ids.end()),
              Each(tokenizer_.eos()));
  EXPECT_THAT(std::vector<int64_t>(split.windows[1].ids.begin() + 1, split.windows[1].ids.begin() + 6),
              ElementsAre(kFirst, kFirst + 1, kFirst + 2, kFirst + 3, red_));
  EXPECT_THAT(std::vector<float>(split.windows[1].weights.begin(), split.windows[1].weights.begin() + 6),
              ElementsAre(1, 1.5f, 1.5f, 1.5f, 1.5f, 1));
  // One that fits nowhere is spread.
  const std::vector<OwnToken> long_tokens = {{.text = "<toy>", .length = 80}};
  EXPECT_EQ(
      SplitIntoWindows(tokenizer_, ParseWeightedPrompt("<toy>").pieces, OwnTokens(long_tokens, kFirst)).windows.size(),
      2u);
}

TEST_F(OwnTokensTest, WhatIsCutIsToldByItsText) {
  const std::vector<OwnToken> tokens = {{.text = "<toy>", .length = 4}};
  const OwnTokens own(tokens, kFirst);
  const PromptWindows whole = LiteralWindow(tokenizer_, Repeated("the ", 75) + "red <toy> a", own);
  EXPECT_EQ(whole.cut_text, "red <toy> a");
  const PromptWindows half = LiteralWindow(tokenizer_, Repeated("the ", 73) + "<toy> a", own);
  EXPECT_EQ(half.windows[0].ids[74], kFirst);
  EXPECT_EQ(half.windows[0].ids[75], kFirst + 1);
  EXPECT_EQ(half.cut_text, "a");
}

}  // namespace
}  // namespace latentd::model
