#include "server/store/alarm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "server/core/system_clock.h"
#include "tests/server/core/fake_clock.h"

namespace latentd::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class AlarmTest : public ::testing::Test {
 protected:
  absl::Time At(int seconds) const { return start_ + absl::Seconds(seconds); }

  core::FakeClock clock_;
  const absl::Time start_ = clock_.Now();
  std::vector<absl::Duration> rings_;
  Alarm alarm_{&clock_, [this] { rings_.push_back(clock_.Now() - start_); }};
};

TEST_F(AlarmTest, RingsAtItsTime) {
  alarm_.RingBy(At(5));
  clock_.Advance(absl::Seconds(4));
  EXPECT_THAT(rings_, IsEmpty());
  clock_.Advance(absl::Seconds(4));
  EXPECT_THAT(rings_, ElementsAre(absl::Seconds(5)));
}

TEST_F(AlarmTest, EarlierTimeIsTakenOver) {
  alarm_.RingBy(At(5));
  alarm_.RingBy(At(2));
  clock_.Advance(absl::Seconds(3));
  EXPECT_THAT(rings_, ElementsAre(absl::Seconds(2)));
}

TEST_F(AlarmTest, LaterTimesAddNothing) {
  alarm_.RingBy(At(5));
  for (int i = 5; i < 100; ++i) alarm_.RingBy(At(i));
  clock_.Advance(absl::Seconds(200));
  EXPECT_THAT(rings_, ElementsAre(absl::Seconds(5)));
}

TEST_F(AlarmTest, NeverMeansNever) {
  alarm_.RingBy(absl::InfiniteFuture());
  clock_.Advance(absl::Hours(100'000));
  EXPECT_THAT(rings_, IsEmpty());
}

TEST_F(AlarmTest, IsSetAgainByItsOwnRing) {
  std::vector<absl::Duration> rings;
  std::unique_ptr<Alarm> alarm;
  alarm = std::make_unique<Alarm>(&clock_, [&] {
    rings.push_back(clock_.Now() - start_);
    if (rings.size() < 3) alarm->RingBy(clock_.Now() + absl::Seconds(1));
  });
  alarm->RingBy(At(1));
  clock_.Advance(absl::Seconds(10));
  EXPECT_THAT(rings, ElementsAre(absl::Seconds(1), absl::Seconds(2), absl::Seconds(3)));
}

TEST(AlarmThreadsTest, DoesNotRingAfterItsEnd) {
  core::SystemClock clock;
  for (int i = 0; i < 200; ++i) {
    auto rings = std::make_unique<int>(0);
    {
      Alarm alarm(&clock, [&rings, &clock] { *rings += clock.Now() > absl::UnixEpoch() ? 1 : 0; });
      alarm.RingBy(clock.Now() + absl::Microseconds(i));
      alarm.RingBy(clock.Now());
    }
    rings = nullptr;  // a ring from now on would be a fault
  }
}

}  // namespace
}  // namespace latentd::store
