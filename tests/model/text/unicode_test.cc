#include "model/text/unicode.h"

#include <gtest/gtest.h>

namespace latentd::model {
namespace {

std::u32string Lower(std::u32string_view text) {
  std::u32string out;
  for (const char32_t c : text) AppendLowerCase(c, out);
  return out;
}

TEST(UnicodeTest, SortsCharactersIntoLettersNumbersAndSpaces) {
  for (const char32_t c : std::u32string_view(U"aZéß中あאªﬀ\u02b0\u0e01")) {
    EXPECT_TRUE(IsLetter(c) && !IsNumber(c) && !IsSpace(c)) << static_cast<uint32_t>(c);
  }
  for (const char32_t c : std::u32string_view(U"07²½Ⅷ٣㊿")) {
    EXPECT_TRUE(IsNumber(c) && !IsLetter(c) && !IsSpace(c)) << static_cast<uint32_t>(c);
  }
  for (const char32_t c : std::u32string_view(U" \t\n\v\f\r\u0085\u00a0\u1680\u2003\u2028\u2029\u202f\u205f\u3000")) {
    EXPECT_TRUE(IsSpace(c) && !IsLetter(c) && !IsNumber(c)) << static_cast<uint32_t>(c);
  }
  for (const char32_t c : std::u32string_view(U"_-'\u0301\u200b\ufeff\u180e\ufffd\U0001f600\x1c")) {
    EXPECT_TRUE(!IsSpace(c) && !IsLetter(c) && !IsNumber(c)) << static_cast<uint32_t>(c);
  }
}

TEST(UnicodeTest, KnowsCharactersThatAreYoungerThanTheLibrary) {
  EXPECT_TRUE(IsLetter(0x2ebf0));  // CJK extension I, Unicode 15.1
  EXPECT_TRUE(IsLetter(0x105c0));  // Todhri, Unicode 16
  EXPECT_TRUE(IsNumber(0x10d40));  // Garay digits, Unicode 16
  EXPECT_EQ(Lower(U"\U00010d50"), U"\U00010d70");
  EXPECT_EQ(Lower(U"\ua7cb"), U"\u0264");
}

TEST(UnicodeTest, LowersOneCharacterAtATime) {
  EXPECT_EQ(Lower(U"ΟΔΥΣΣΕΥΣ Σ"), U"οδυσσευσ σ");  // no final sigma
  EXPECT_EQ(Lower(U"İIẞǅ"), U"i\u0307ißǆ");
}

TEST(UnicodeTest, ComposesAndOrdersMarks) {
  EXPECT_EQ(ComposeNfc(U""), U"");
  EXPECT_EQ(ComposeNfc(U"cafe\u0301"), U"café");
  EXPECT_EQ(ComposeNfc(U"q\u0307\u0323"), U"q\u0323\u0307");
  EXPECT_EQ(ComposeNfc(U"a\u0301\u0323"), U"\u1ea1\u0301");
  EXPECT_EQ(ComposeNfc(U"\u1112\u1161\u11ab"), U"한");
  EXPECT_EQ(ComposeNfc(U"\u212b\u2126"), U"ÅΩ");
  EXPECT_EQ(ComposeNfc(U"\u0958"), U"\u0915\u093c");  // a composition exclusion
  EXPECT_EQ(ComposeNfc(U"\U0001d15e"), U"\U0001d157\U0001d165");
  EXPECT_EQ(ComposeNfc(U"\u0344"), U"\u0308\u0301");
}

TEST(UnicodeTest, LeavesMarksAloneThatTheReferenceDoesNotKnow) {
  EXPECT_EQ(ComposeNfc(U"a\u0898\u0323"), U"a\u0898\u0323");  // classes 230 and 220, of Unicode 14 and 1
  EXPECT_EQ(ComposeNfc(U"\U00011935\U00011930"), U"\U00011935\U00011930");
  EXPECT_EQ(ComposeNfc(U"\U00011938"), U"\U00011938");
}

TEST(UnicodeTest, SortsLongRunsOfMarksInReasonableTime) {
  std::u32string text = U"a";
  for (int i = 0; i < 100'000; ++i) text += i % 2 == 0 ? U'\u0301' : U'\u0323';
  const std::u32string composed = ComposeNfc(text);
  EXPECT_EQ(composed[0], U'\u1ea1');
  EXPECT_EQ(composed[1], U'\u0323');
  EXPECT_EQ(composed.back(), U'\u0301');
}

}  // namespace
}  // namespace latentd::model
