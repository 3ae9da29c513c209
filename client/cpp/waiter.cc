#include "client/cpp/waiter.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "absl/time/clock.h"

namespace latentd::client {
namespace {

class RealWaiter : public Waiter {
 public:
  absl::Time Now() override { return absl::Now(); }

  void Wait(absl::Duration duration, std::stop_token stop) override {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock<std::mutex> lock(mutex);
    // Longer waits would overflow the clock's time points.
    const auto time = absl::ToChronoNanoseconds(std::min(duration, absl::Hours(24)));
    stopped.wait_for(lock, std::move(stop), time, [] { return false; });
  }
};

}  // namespace

std::shared_ptr<Waiter> Waiter::Real() { return std::make_shared<RealWaiter>(); }

}  // namespace latentd::client
