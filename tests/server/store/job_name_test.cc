#include "server/store/job_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace latentd::store {
namespace {

using ::testing::MatchesRegex;

TEST(JobNameTest, IsAVersionFourUuid) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_THAT(NewJobName(SystemRandom), MatchesRegex("jobs/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-"
                                                       "[0-9a-f]{12}"));
  }
}

TEST(JobNameTest, ComesFromTheGivenBits) {
  EXPECT_EQ(NewJobName([] { return 0; }), "jobs/00000000-0000-4000-8000-000000000000");
  EXPECT_EQ(NewJobName([] { return ~uint64_t{0}; }), "jobs/ffffffff-ffff-4fff-bfff-ffffffffffff");
  EXPECT_EQ(NewJobName([] { return 0x0123456789abcdef; }), "jobs/01234567-89ab-4def-8123-456789abcdef");
}

TEST(JobNameTest, NamesDiffer) {
  std::set<std::string> names;
  for (int i = 0; i < 1000; ++i) names.insert(NewJobName(SystemRandom));
  EXPECT_EQ(names.size(), 1000);
}

}  // namespace
}  // namespace latentd::store
