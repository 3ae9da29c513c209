#include "model/text/clip_tokenizer.h"

#include <ATen/core/Tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "model/weights/safetensors_file.h"

namespace latentd::model {
namespace {

const std::filesystem::path& Golden() {
  static const std::filesystem::path kFolder = std::filesystem::path(LATENTD_SOURCE_DIR) / "tests/golden/text";
  return kFolder;
}

// The lists that make_tokenizer_golden.py packed under `name`.
template <typename Stored, typename Value>
std::vector<std::vector<Value>> Unpack(const TensorSource& source, const std::string& name) {
  const at::Tensor values = source.Get(name);
  const at::Tensor ends = source.Get(name + ".ends");
  std::vector<std::vector<Value>> lists;
  int32_t begin = 0;
  for (int64_t i = 0; i < ends.numel(); ++i) {
    const int32_t end = ends.const_data_ptr<int32_t>()[i];
    lists.emplace_back(values.const_data_ptr<Stored>() + begin, values.const_data_ptr<Stored>() + end);
    begin = end;
  }
  return lists;
}

std::string ToString(const std::vector<char>& bytes) { return {bytes.begin(), bytes.end()}; }

class ClipTokenizerGolden : public testing::TestWithParam<std::string> {};

TEST_P(ClipTokenizerGolden, GivesTheReferencesTokens) {
  const auto golden = SafetensorsFile::Open(Golden() / "tokens.safetensors");
  const auto tokenizer = ClipTokenizer::FromFolder(Golden() / GetParam());
  const auto texts = Unpack<uint8_t, char>(*golden, "texts");
  const auto expected = Unpack<int16_t, int64_t>(*golden, GetParam() + ".tokens");
  ASSERT_GT(expected.size(), 300);
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(tokenizer.EncodeTokens(ToString(texts[i])), expected[i]) << i << ": " << ToString(texts[i]);
  }
}

TEST_P(ClipTokenizerGolden, GivesTheReferencesWindowAndTheTextThatItCutOff) {
  const auto golden = SafetensorsFile::Open(Golden() / "tokens.safetensors");
  const auto tokenizer = ClipTokenizer::FromFolder(Golden() / GetParam());
  const auto texts = Unpack<uint8_t, char>(*golden, "texts");
  const auto tokens = Unpack<int16_t, int64_t>(*golden, GetParam() + ".tokens");
  const auto windows = Unpack<int16_t, int64_t>(*golden, GetParam() + ".windows");
  const auto truncated = Unpack<uint8_t, char>(*golden, GetParam() + ".truncated");
  int cut = 0;
  for (size_t i = 0; i < windows.size(); ++i) {
    const Tokenized result = tokenizer.Encode(ToString(texts[i]));
    EXPECT_EQ(result.ids, windows[i]) << ToString(texts[i]);
    EXPECT_EQ(result.token_count, static_cast<int64_t>(tokens[i].size()));
    EXPECT_EQ(result.truncated, ToString(truncated[i])) << ToString(texts[i]);
    cut += !result.truncated.empty();
  }
  EXPECT_GT(cut, 5);
}

INSTANTIATE_TEST_SUITE_P(Folders, ClipTokenizerGolden, testing::Values("sd1", "saved_sd2", "inversion"),
                         [](const auto& test) { return test.param; });

class ClipTokenizerTest : public testing::Test {
 protected:
  const ClipTokenizer tokenizer_ = ClipTokenizer::FromFolder(Golden() / "sd1");
};

TEST_F(ClipTokenizerTest, FillsTheWindowWhateverTheText) {
  for (const std::string& text : {std::string(), std::string("a"), std::string(1000, 'a'), std::string(3, '\0')}) {
    const Tokenized result = tokenizer_.Encode(text);
    EXPECT_EQ(static_cast<int64_t>(result.ids.size()), tokenizer_.window());
    EXPECT_EQ(result.ids.front(), tokenizer_.bos());
  }
  EXPECT_EQ(tokenizer_.Encode("").token_count, 0);
  EXPECT_EQ(tokenizer_.Encode("").ids[1], tokenizer_.eos());
}

TEST_F(ClipTokenizerTest, CutsOnlyWhatIsOverTheWindow) {
  std::string text;
  for (int i = 0; i < 75; ++i) text += "! 1 ";  // each word one token
  const Tokenized full = tokenizer_.Encode(text.substr(0, 75 * 2));
  EXPECT_EQ(full.token_count, 75);
  EXPECT_EQ(full.truncated, "");
  EXPECT_EQ(full.ids.back(), tokenizer_.eos());
  const Tokenized cut = tokenizer_.Encode(text.substr(0, 77 * 2));
  EXPECT_EQ(cut.token_count, 77);
  EXPECT_EQ(cut.truncated, "1 !");
  EXPECT_EQ(cut.ids, full.ids);
}

TEST_F(ClipTokenizerTest, ReadsInvalidUtf8AsReplacementCharacters) {
  EXPECT_EQ(tokenizer_.EncodeTokens("a\xff\xfe b"), tokenizer_.EncodeTokens("a\ufffd\ufffd b"));
}

TEST_F(ClipTokenizerTest, TakesHundredsOfKilobytesOfAnyKind) {
  std::string mixed;
  while (mixed.size() < 100'000) mixed += "Word, wörd's 3 \u00c5\u0301!\t";
  std::string marks = "a";
  while (marks.size() < 100'000) marks += "\u0301\u0323";
  std::string specials;
  while (specials.size() < 100'000) specials += "<|endoftext|";
  const auto start = std::chrono::steady_clock::now();
  for (const std::string& text : {std::string(100'000, 'a'), std::string(100'000, '!'), std::string(100'000, ' '),
                                  std::string(100'000, '<'), std::string(100'000, '\xff'), mixed, marks, specials}) {
    EXPECT_EQ(static_cast<int64_t>(tokenizer_.Encode(text).ids.size()), tokenizer_.window());
  }
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  std::printf("eight texts of 100 kB: %.0f ms\n", time.count() * 1000);
  EXPECT_LT(time.count(), 20);  // quadratic work would take minutes
}

TEST_F(ClipTokenizerTest, ServesManyThreads) {
  const std::string text = "a Photo of thé quick brown fox, 3 times!";
  const auto expected = tokenizer_.Encode(text).ids;
  std::vector<std::thread> threads;
  std::vector<int> equal(4);
  for (size_t t = 0; t < equal.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) equal[t] += tokenizer_.Encode(text).ids == expected;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(equal, testing::Each(50));
}

}  // namespace
}  // namespace latentd::model
