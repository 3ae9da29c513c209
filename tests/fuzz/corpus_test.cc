#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include "tests/fuzz/fuzz_targets.h"

namespace latentd::model {
namespace {

// Runs the fuzzer's own function over every file of a corpus, as given and cut off after each of its first bytes.
void RunCorpus(const std::string& topic, const std::function<void(std::string_view)>& target) {
  constexpr size_t kPrefixes = 200;
  int count = 0;
  const std::filesystem::path folder = std::filesystem::path(LATENTD_SOURCE_DIR) / "tests/fuzz/corpus" / topic;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream stream(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    target(bytes);
    for (size_t length = 0; length < std::min(bytes.size(), kPrefixes); ++length) target(bytes.substr(0, length));
    ++count;
  }
  EXPECT_GT(count, 10);
}

TEST(FuzzCorpusTest, SafetensorsFilesKeepTheReadersPromises) { RunCorpus("safetensors", FuzzSafetensors); }

TEST(FuzzCorpusTest, TextsKeepTheTokenizersPromises) { RunCorpus("tokenizer", FuzzTokenizer); }

TEST(FuzzCorpusTest, PromptsKeepTheParsersPromises) { RunCorpus("weighted_prompt", FuzzWeightedPrompt); }

}  // namespace
}  // namespace latentd::model
