#include "server/imaging/unicode.h"

#include <gtest/gtest.h>

namespace latentd::imaging {
namespace {

using std::string_literals::operator""s;

TEST(Utf8ToLatin1, TakesWhatLatin1Has) {
  EXPECT_EQ(Utf8ToLatin1("caf\xC3\xA9"), "caf\xE9");
  EXPECT_EQ(Utf8ToLatin1("\xE2\x82\xAC"), std::nullopt);
}

TEST(Utf8ToUtf16BigEndian, WritesSurrogatePairsForHighCharacters) {
  EXPECT_EQ(Utf8ToUtf16BigEndian("A\xC3\xA9"), "\0A\0\xE9"s);
  EXPECT_EQ(Utf8ToUtf16BigEndian("\xF0\x9F\x8D\x8E"), "\xD8\x3C\xDF\x4E"s);
}

TEST(Utf8ToUtf16BigEndian, ReplacesWhatIsNotUtf8) {
  const std::string replacement = "\xFF\xFD";
  EXPECT_EQ(Utf8ToUtf16BigEndian("\x80"), replacement);
  EXPECT_EQ(Utf8ToUtf16BigEndian("\xE2\x82"), replacement + replacement);
  EXPECT_EQ(Utf8ToUtf16BigEndian("\xED\xA0\x80"), replacement);
  EXPECT_EQ(Utf8ToUtf16BigEndian("\xF4\x90\x80\x80"), replacement);
  EXPECT_EQ(Utf8ToUtf16BigEndian("\xC3("), replacement + "\0("s);
}

TEST(Utf8Prefix, CutsBetweenCharacters) {
  EXPECT_EQ(Utf8Prefix("a\xC3\xA9\xE2\x82\xAC", 2), "a\xC3\xA9");
  EXPECT_EQ(Utf8Prefix("ab", 5), "ab");
  EXPECT_EQ(Utf8Prefix("ab", 0), "");
}

}  // namespace
}  // namespace latentd::imaging
