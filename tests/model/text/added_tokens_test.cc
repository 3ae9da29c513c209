#include "model/text/added_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace latentd::model {
namespace {

using testing::ElementsAre;
using testing::Pair;

std::vector<std::pair<std::u32string, int>> Split(const AddedTokenMatcher& matcher, std::u32string_view text) {
  std::vector<std::pair<std::u32string, int>> pieces;
  for (const auto& piece : matcher.Split(text)) pieces.emplace_back(piece.text, piece.id.value_or(-1));
  return pieces;
}

TEST(AddedTokenMatcherTest, CutsTheTextAtEveryToken) {
  const AddedTokenMatcher matcher({{U"<e>", 1}, {U"!", 2}});
  EXPECT_THAT(Split(matcher, U"a<e>b!!"),
              ElementsAre(Pair(U"a", -1), Pair(U"<e>", 1), Pair(U"b", -1), Pair(U"!", 2), Pair(U"!", 2)));
  EXPECT_THAT(Split(matcher, U"<e"), ElementsAre(Pair(U"<e", -1)));
  EXPECT_THAT(Split(matcher, U"<<e>>"), ElementsAre(Pair(U"<", -1), Pair(U"<e>", 1), Pair(U">", -1)));
  EXPECT_THAT(Split(matcher, U""), ElementsAre());
}

TEST(AddedTokenMatcherTest, TakesTheLongestOfThoseThatBeginAtOnePlace) {
  const AddedTokenMatcher matcher({{U"!", 1}, {U"!!!", 3}, {U"!!", 2}});
  EXPECT_THAT(Split(matcher, U"!!!!!"), ElementsAre(Pair(U"!!!", 3), Pair(U"!!", 2)));
}

TEST(AddedTokenMatcherTest, LeavesTheTextWholeWithoutTokens) {
  EXPECT_THAT(Split(AddedTokenMatcher({}), U"abc"), ElementsAre(Pair(U"abc", -1)));
}

}  // namespace
}  // namespace latentd::model
