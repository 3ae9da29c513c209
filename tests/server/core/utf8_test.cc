#include "server/core/utf8.h"

#include <gtest/gtest.h>

namespace latentd::core {
namespace {

TEST(Utf8Test, CountsCharactersNotBytes) {
  EXPECT_EQ(CountCharacters(""), 0);
  EXPECT_EQ(CountCharacters("apple"), 5);
  EXPECT_EQ(CountCharacters("\u00e9\u20ac\U0001f34e"), 3);
  EXPECT_EQ(CountCharacters(absl::string_view("\0", 1)), 1);
  EXPECT_EQ(CountCharacters("\xf4\x8f\xbf\xbf"), 1) << "U+10FFFF, the last";
}

TEST(Utf8Test, RefusesWhatIsNotUtf8) {
  EXPECT_EQ(CountCharacters("\x80"), std::nullopt) << "continuation without a beginning";
  EXPECT_EQ(CountCharacters("\xe2\x82"), std::nullopt) << "cut off";
  EXPECT_EQ(CountCharacters("\xe2\x28\xa1"), std::nullopt) << "second byte is none";
  EXPECT_EQ(CountCharacters("\xe2\x82\x28"), std::nullopt) << "third byte is none";
  EXPECT_EQ(CountCharacters("\xc0\xaf"), std::nullopt) << "overlong, two bytes";
  EXPECT_EQ(CountCharacters("\xe0\x9f\xbf"), std::nullopt) << "overlong, three bytes";
  EXPECT_EQ(CountCharacters("\xf0\x8f\xbf\xbf"), std::nullopt) << "overlong, four bytes";
  EXPECT_EQ(CountCharacters("\xed\xa0\x80"), std::nullopt) << "surrogate";
  EXPECT_EQ(CountCharacters("\xf4\x90\x80\x80"), std::nullopt) << "above U+10FFFF";
  EXPECT_EQ(CountCharacters("fine until here \xff"), std::nullopt);
}

TEST(Utf8Test, QuotesShortAndClean) {
  EXPECT_EQ(Quote("euler"), "\"euler\"");
  EXPECT_EQ(Quote("\xff\n"), "\"\\xff\\n\"");
  EXPECT_EQ(Quote(std::string(100'000, 'x')), "\"" + std::string(40, 'x') + "\u2026\"");
}

}  // namespace
}  // namespace latentd::core
