#include "model/weights/mapped_file.h"

#include <gtest/gtest.h>

#include "tests/model/weights/test_folder.h"
#include "tests/model/weights/test_memory.h"

namespace latentd::model {
namespace {

TEST(MappedFileTest, ReadsEveryByte) {
  const TestFolder folder;
  std::string bytes(10'000, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7);
  const MappedFile file(folder.Write("x", bytes));
  EXPECT_EQ(file.bytes(), bytes);
  file.Release(5000, 4000);
  file.Release(10'000, 0);
  EXPECT_EQ(file.bytes(), bytes);
}

TEST(MappedFileTest, GivesPagesBackToTheSystem) {
  constexpr size_t kBytes = 32 << 20;
  const TestFolder folder;
  const MappedFile file(folder.Write("x", std::string(kBytes, 'x')));
  const size_t before = FileMemory();
  size_t count = 0;
  for (size_t i = 0; i < kBytes; i += 512) count += file.bytes()[i] == 'x';
  EXPECT_EQ(count, kBytes / 512);
  EXPECT_GT(FileMemory(), before + kBytes * 9 / 10);
  file.Release(0, kBytes);
  EXPECT_LT(FileMemory(), before + kBytes / 10);
}

}  // namespace
}  // namespace latentd::model
