#include "server/core/readiness.h"

#include <gmock/gmock.h>

#include <vector>

namespace latentd::core {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Health kServes{.ready = true, .live = true};
constexpr Health kRunsOnly{.ready = false, .live = true};
constexpr Health kHangs{.ready = false, .live = false};

class ReadinessTest : public testing::Test {
 protected:
  void Listen() {
    readiness_.SetListener([this](const Health& health) { told_.push_back(health); });
  }

  Readiness readiness_;
  std::vector<Health> told_;
};

TEST_F(ReadinessTest, AServerIsReadyOncePreloaded) {
  Listen();
  EXPECT_THAT(told_, IsEmpty());
  readiness_.SetPreloaded();
  EXPECT_THAT(told_, ElementsAre(kServes));
}

TEST_F(ReadinessTest, AStuckEngineIsNeitherReadyNorLiveUntilItGoesOn) {
  Listen();
  readiness_.SetPreloaded();
  readiness_.SetStuck(true);
  readiness_.SetStuck(false);
  EXPECT_THAT(told_, ElementsAre(kServes, kHangs, kServes));
}

TEST_F(ReadinessTest, AnEngineThatComputesWronglyIsLiveAndNotReadyUntilItComputesRightly) {
  Listen();
  readiness_.SetPreloaded();
  readiness_.SetFaulty(true);
  readiness_.SetFaulty(false);
  EXPECT_THAT(told_, ElementsAre(kServes, kRunsOnly, kServes));
}

TEST_F(ReadinessTest, AServerThatDrainsIsLive) {
  Listen();
  readiness_.SetPreloaded();
  readiness_.SetDraining();
  EXPECT_THAT(told_, ElementsAre(kServes, kRunsOnly));
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
  EXPECT_THAT(told_, ElementsAre(kServes));
}

}  // namespace
}  // namespace latentd::core
