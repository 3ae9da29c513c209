#include "model/text/utf8.h"

#include <gtest/gtest.h>

namespace latentd::model {
namespace {

TEST(Utf8Test, GivesBackEveryCodePoint) {
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xd800 && c <= 0xdfff) continue;
    std::string bytes;
    AppendUtf8(c, bytes);
    ASSERT_EQ(DecodeUtf8(bytes), std::u32string(1, c));
  }
}

TEST(Utf8Test, ReplacesEachMaximalPartOfAnInvalidSequence) {
  // The expected texts are those of Python's bytes.decode("utf-8", "replace").
  const std::pair<std::string_view, std::u32string_view> cases[] = {
      {"a\x80z", U"a\ufffdz"},                  // a continuation byte alone
      {"\xc0\xaf", U"\ufffd\ufffd"},            // overlong, two bytes
      {"\xe0\x80\xaf", U"\ufffd\ufffd\ufffd"},  // overlong, three
      {"\xf0\x80\x80\xaf", U"\ufffd\ufffd\ufffd\ufffd"},
      {"\xed\xa0\x80", U"\ufffd\ufffd\ufffd"},            // a surrogate
      {"\xf4\x90\x80\x80", U"\ufffd\ufffd\ufffd\ufffd"},  // above U+10FFFF
      {"\xf5\xff\xfe", U"\ufffd\ufffd\ufffd"},
      {"\xe2\x82", U"\ufffd"},    // cut off at the end
      {"\xe2\x82z", U"\ufffdz"},  // cut off by another character
      {"\xf0\x9f\x98\xe2\x82\xac", U"\ufffd\u20ac"},
      {"\xf0\x9f\x98", U"\ufffd"},
      {"\xc3", U"\ufffd"},
      {"\xc3\xc3\xa9", U"\ufffd\u00e9"},
  };
  for (const auto& [bytes, expected] : cases) EXPECT_EQ(DecodeUtf8(bytes), expected) << testing::PrintToString(bytes);
}

}  // namespace
}  // namespace latentd::model
