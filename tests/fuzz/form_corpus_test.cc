#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/fuzz/fuzz_targets.h"

namespace latentd::openai {
namespace {

TEST(FuzzCorpusTest, FormsKeepTheReadersPromises) {
  int count = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(LATENTD_SOURCE_DIR) / "tests/fuzz/corpus/form")) {
    std::ifstream stream(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    for (size_t length = 0; length <= bytes.size(); ++length) FuzzForm(bytes.substr(0, length));
    ++count;
  }
  EXPECT_GT(count, 10);
}

}  // namespace
}  // namespace latentd::openai
