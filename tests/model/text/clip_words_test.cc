#include "model/text/clip_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace latentd::model {
namespace {

using testing::ElementsAre;

std::vector<std::u32string> Words(std::u32string_view text) {
  std::vector<std::u32string> words;
  ForEachWord(text, [&](std::u32string_view word) { words.emplace_back(word); });
  return words;
}

TEST(ClipWordsTest, CleansUpInTheReferencesOrder) {
  EXPECT_EQ(CleanUp(U"  A\u00a0\t\nB  "), U" a b ");
  EXPECT_EQ(CleanUp(U"E\u0301"), U"\u00e9");  // composed, then lowered
  EXPECT_EQ(CleanUp(U"\u0130"), U"i\u0307");  // lowered last, so that it stays two
  EXPECT_EQ(CleanUp(U"a \u0301"), U"a \u0301");
}

TEST(ClipWordsTest, SplitsAtTheBordersOfLettersNumbersAndTheRest) {
  EXPECT_THAT(Words(U"mp3: 4k!! "), ElementsAre(U"mp", U"3", U":", U"4", U"k", U"!!"));
  EXPECT_THAT(Words(U"½²"), ElementsAre(U"½", U"²"));
  EXPECT_THAT(Words(U"_e\u0301x"), ElementsAre(U"_", U"e", U"\u0301", U"x"));
  EXPECT_THAT(Words(U" "), ElementsAre());
}

TEST(ClipWordsTest, KeepsContractionsTogetherWhereTheyBegin) {
  EXPECT_THAT(Words(U"it's we'll o'neil don't"),
              ElementsAre(U"it", U"'s", U"we", U"'ll", U"o", U"'", U"neil", U"don", U"'t"));
  EXPECT_THAT(Words(U"''s"), ElementsAre(U"''", U"s"));
  EXPECT_THAT(Words(U"'stop"), ElementsAre(U"'s", U"top"));
}

TEST(ClipWordsTest, SplitsSpecialNamesThatAreNoAddedTokens) {
  EXPECT_THAT(Words(U"<|endoftext|>!!"), ElementsAre(U"<|", U"endoftext", U"|>", U"!!"));
  EXPECT_THAT(Words(U"<|startoftext|>"), ElementsAre(U"<|", U"startoftext", U"|>"));
  EXPECT_THAT(Words(U"!<|endoftext|>"), ElementsAre(U"!<|", U"endoftext", U"|>"));
  EXPECT_THAT(Words(U"<|endoftext|"), ElementsAre(U"<|", U"endoftext", U"|"));
}

}  // namespace
}  // namespace latentd::model
