#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/fuzz/fuzz_targets.h"

namespace latentd::imaging {
namespace {

TEST(FuzzCorpusTest, ImageFilesKeepTheReadersPromises) {
  int count = 0;
  for (const char* folder : {"files", "bad"}) {
    const std::filesystem::path path = std::filesystem::path(LATENTD_SOURCE_DIR) / "tests/golden/imaging" / folder;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      std::ifstream stream(entry.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
      FuzzImage(bytes);
      for (size_t length = 0; length < bytes.size(); length += 7) FuzzImage(bytes.substr(0, length));
      ++count;
    }
  }
  EXPECT_GT(count, 100);
}

}  // namespace
}  // namespace latentd::imaging
