#include "server/engine/watchdog.h"

#include <gmock/gmock.h>

#include <vector>

#include "tests/server/core/fake_clock.h"

namespace latentd::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class WatchdogTest : public testing::Test {
 protected:
  core::FakeClock clock_;
  std::vector<bool> told_;
  Watchdog watchdog_{&clock_, absl::Minutes(10), [this](bool stuck) { told_.push_back(stuck); }};
};

TEST_F(WatchdogTest, WorkThatTakesTooLongIsReportedAndItsEndToo) {
  watchdog_.Begin();
  clock_.Advance(absl::Minutes(10));
  EXPECT_THAT(told_, ElementsAre(true));
  watchdog_.End();
  EXPECT_THAT(told_, ElementsAre(true, false));
}

TEST_F(WatchdogTest, ManyShortPiecesAreFine) {
  for (int i = 0; i < 30; ++i) {
    watchdog_.Begin();
    clock_.Advance(absl::Minutes(1));
    watchdog_.End();
  }
  clock_.Advance(absl::Hours(1));
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(WatchdogTest, ALongPieceAfterShortOnesIsMeasuredFromItsOwnBeginning) {
  watchdog_.Begin();
  watchdog_.End();
  clock_.Advance(absl::Minutes(6));
  watchdog_.Begin();
  clock_.Advance(absl::Minutes(9));
  EXPECT_THAT(told_, IsEmpty());
  clock_.Advance(absl::Minutes(1));
  EXPECT_THAT(told_, ElementsAre(true));
}

}  // namespace
}  // namespace latentd::engine
