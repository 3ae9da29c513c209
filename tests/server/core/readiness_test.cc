#include "server/core/readiness.h"

#include <gmock/gmock.h>

#include <vector>

namespace latentd::core {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ReadinessTest : public testing::Test {
 protected:
  void Listen() {
    readiness_.SetListener([this](bool ready) { told_.push_back(ready); });
  }

  Readiness readiness_;
  std::vector<bool> told_;
};

TEST_F(ReadinessTest, AServerIsReadyOncePreloaded) {
  Listen();
  EXPECT_THAT(told_, IsEmpty());
  readiness_.SetPreloaded();
  EXPECT_THAT(told_, ElementsAre(true));
}

TEST_F(ReadinessTest, AStuckEngineIsNotReadyUntilItGoesOn) {
  Listen();
  readiness_.SetPreloaded();
  readiness_.SetStuck(true);
  readiness_.SetStuck(false);
  EXPECT_THAT(told_, ElementsAre(true, false, true));
}

TEST_F(ReadinessTest, NothingMakesADrainingServerReady) {
  Listen();
  readiness_.SetDraining();
  readiness_.SetPreloaded();
  readiness_.SetStuck(false);
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_TRUE(readiness_.draining());
}

TEST_F(ReadinessTest, WhoListensLateHearsThatItIsReady) {
  readiness_.SetPreloaded();
  Listen();
  EXPECT_THAT(told_, ElementsAre(true));
}

}  // namespace
}  // namespace latentd::core
