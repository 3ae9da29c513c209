#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "server/core/job_store.h"
#include "tests/bench/fleet/event_queue.h"
#include "tests/bench/fleet/virtual_redis.h"

namespace latentd::bench {

// What store::Claimer does on its thread: one call after another.
class Claims {
 public:
  static constexpr absl::Duration kLease = absl::Seconds(10);    // RedisJobStoreOptions' …
  static constexpr absl::Duration kPatience = absl::Seconds(5);  // … defaults

  using Token = std::pair<std::string, std::string>;  // id, token
  struct Options {
    EventQueue* events = nullptr;
    VirtualRedis* redis = nullptr;
    std::string owner;
    absl::Duration begins_after{};
    std::function<std::vector<Token>()> owned;
    std::function<void(const std::vector<Token>&)> on_claimed;
    std::function<void(const std::string& id)> on_lost;
  };

  explicit Claims(Options options);

  void Offer(const core::Capacity& capacity);
  void Wake();

 private:
  void Go();
  void Done();
  void Renew(std::function<void()> then);
  void Reap(std::function<void()> then);
  void Claim(std::function<void()> then);
  void TakeIn(const std::vector<Token>& jobs, std::function<void()> then);

  const Options options_;
  core::Capacity capacity_;
  core::Capacity working_with_;  // as it was when the calls began
  int64_t claims_ = 0;
  bool look_ = true;
  bool due_ = false;
  bool busy_ = false;
};

}  // namespace latentd::bench
