#include "server/engine/memory_limit.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace latentd::engine {
namespace {

namespace fs = std::filesystem;

class CgroupLimitTest : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(root_); }
  void TearDown() override { fs::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }

  const fs::path root_ = fs::path(testing::TempDir()) / ("latentd-cgroup-" + std::to_string(getpid()));
};

TEST(MemoryLimit, TheMachinesMemoryIsReadFromItsTotal) {
  EXPECT_EQ(ParseMemTotal("MemTotal:       16384 kB\nMemFree:  1 kB\n"), 16384 * 1024);
  EXPECT_EQ(ParseMemTotal("MemFree:  1 kB\n"), std::nullopt);
}

TEST(MemoryLimit, AGroupWithoutALimitSaysMax) {
  EXPECT_EQ(ParseCgroupLimit("1073741824\n"), 1073741824);
  EXPECT_EQ(ParseCgroupLimit("max\n"), std::nullopt);
  EXPECT_EQ(ParseCgroupLimit(""), std::nullopt);
}

TEST(MemoryLimit, ThisMachineHasMemory) { EXPECT_GT(DefaultHostMemory(), 0); }

TEST_F(CgroupLimitTest, TheLowestLimitOnTheWayUpCounts) {
  Write("pods/one/memory.max", "max\n");
  Write("pods/memory.max", "4000\n");
  EXPECT_EQ(CgroupLimit(root_, "0::/pods/one\n"), 4000);
}

TEST_F(CgroupLimitTest, AGroupThatIsNotMountedHereLeavesTheMountsOwn) {
  Write("memory.max", "5000\n");
  EXPECT_EQ(CgroupLimit(root_, "0::/a/path/of/the/host\n"), 5000);
}

TEST_F(CgroupLimitTest, TheFirstVersionHasAFolderOfItsOwnForMemory) {
  Write("memory/group/memory.limit_in_bytes", "6000\n");
  Write("memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(CgroupLimit(root_, "5:cpu:/other\n4:cpuset,memory:/group\n"), 6000);
}

TEST_F(CgroupLimitTest, WithoutGroupsThereIsNoLimit) {
  EXPECT_EQ(CgroupLimit(root_, ""), std::nullopt);
  EXPECT_EQ(CgroupLimit(root_, "0::/\n"), std::nullopt);
}

}  // namespace
}  // namespace latentd::engine
