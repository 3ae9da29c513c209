#include "client/cpp/waiter.h"

#include <thread>

#include "gtest/gtest.h"

namespace latentd::client {
namespace {

TEST(WaiterTest, AStopEndsThePauseAtOnce) {
  const std::shared_ptr<Waiter> waiter = Waiter::Real();
  std::stop_source source;
  std::thread waiting([&] { waiter->Wait(absl::InfiniteDuration(), source.get_token()); });
  source.request_stop();
  waiting.join();
}

TEST(WaiterTest, APauseEndsByItself) {
  const std::shared_ptr<Waiter> waiter = Waiter::Real();
  const absl::Time start = waiter->Now();
  waiter->Wait(absl::Milliseconds(2), {});
  EXPECT_GE(waiter->Now() - start, absl::Milliseconds(2));
}

}  // namespace
}  // namespace latentd::client
