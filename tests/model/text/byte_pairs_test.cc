#include "model/text/byte_pairs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include "model/text/utf8.h"

namespace latentd::model {
namespace {

using testing::ElementsAre;

// The letters a to d, alone and at a word's end, and what `merges` makes of them; other bytes are unknown, 99.
struct Toy {
  explicit Toy(std::initializer_list<BytePairs::Merges::value_type> merges) : pairs(Add(merges), merges, 99) {}

  const BytePairs::Vocab& Add(const BytePairs::Merges& merges) {
    for (const std::string token : {"a", "b", "c", "d", "a</w>", "b</w>", "c</w>", "d</w>"}) Insert(token);
    for (const auto& [left, right] : merges) Insert(left + right);
    return vocab;
  }
  void Insert(const std::string& token) { vocab.emplace(token, static_cast<int32_t>(vocab.size())); }

  std::vector<std::string> Encode(const std::string& word) const {
    std::vector<int64_t> ids;
    pairs.Encode(word, ids);
    std::vector<std::string> tokens;
    for (const int64_t id : ids) {
      tokens.push_back("?");
      for (const auto& [token, token_id] : vocab) {
        if (token_id == id) tokens.back() = token;
      }
    }
    return tokens;
  }

  BytePairs::Vocab vocab;
  BytePairs pairs;
};

TEST(BytePairsTest, MarksTheEndOfTheWord) {
  const Toy toy({});
  EXPECT_THAT(toy.Encode("a"), ElementsAre("a</w>"));
  EXPECT_THAT(toy.Encode("abc"), ElementsAre("a", "b", "c</w>"));
}

TEST(BytePairsTest, MergesTheFirstOfTheListFirst) {
  EXPECT_THAT(Toy({{"b", "c"}, {"a", "b"}}).Encode("abcd"), ElementsAre("a", "bc", "d</w>"));
  EXPECT_THAT(Toy({{"a", "b"}, {"b", "c"}}).Encode("abcd"), ElementsAre("ab", "c", "d</w>"));
}

TEST(BytePairsTest, MergesFromTheLeftAmongEquals) {
  EXPECT_THAT(Toy({{"a", "a"}}).Encode("aaaab"), ElementsAre("aa", "aa", "b</w>"));
  EXPECT_THAT(Toy({{"a", "a"}}).Encode("aaab"), ElementsAre("aa", "a", "b</w>"));
}

TEST(BytePairsTest, MergesWhatMergesMade) {
  const Toy toy({{"a", "b"}, {"c", "d</w>"}, {"ab", "cd</w>"}, {"ab", "ab"}});
  EXPECT_THAT(toy.Encode("abcd"), ElementsAre("abcd</w>"));
  EXPECT_THAT(toy.Encode("abababcd"), ElementsAre("abab", "abcd</w>"));
}

TEST(BytePairsTest, ReplacesEveryByteThatTheVocabularyLacks) {
  const Toy toy({{"a", "b"}});
  EXPECT_THAT(toy.Encode("ab\xc3\xa9z"), ElementsAre("ab", "?", "?", "?"));
}

TEST(BytePairsTest, WritesTheBytesAsDistinctCharacters) {
  const auto& characters = ByteCharacters();
  EXPECT_EQ(std::set<char32_t>(characters.begin(), characters.end()).size(), 256);
  EXPECT_EQ(characters['a'], U'a');
  EXPECT_EQ(characters[' '], U'\u0120');
  EXPECT_EQ(characters['\n'], U'\u010a');
  EXPECT_EQ(characters[0xad], U'\u0143');
}

TEST(BytePairsTest, TakesOneWordOfAHundredKilobytesInItsStride) {
  const Toy toy({{"a", "a"}, {"aa", "aa"}, {"aaaa", "aaaa"}, {"aaaaaaaa", "aaaaaaaa"}});
  std::vector<int64_t> ids;
  const auto start = std::chrono::steady_clock::now();
  toy.pairs.Encode(std::string(100'000, 'a'), ids);
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(ids.size(), 100'000 / 16 + 4);  // 99,999 inner bytes: 6249 · 16 + 15, then the last
  EXPECT_LT(time.count(), 5);               // a quadratic loop takes minutes
}

}  // namespace
}  // namespace latentd::model
