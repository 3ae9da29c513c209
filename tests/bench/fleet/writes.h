#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/bench/fleet/virtual_redis.h"

namespace latentd::bench {

// What store::Outbox does on its thread: one batch of an owner's writes after another.
class Writes {
 public:
  struct Write {
    std::string id;
    std::string token;
    std::vector<std::string> what;
    bool is_progress = false;  // without a preview: a later one makes it worthless
    bool is_last = false;
  };

  // The function is told of a job that is not its owner's any more.
  Writes(VirtualRedis* redis, std::function<void(const std::string& id, const std::string& token)> on_fenced)
      : redis_(redis), on_fenced_(std::move(on_fenced)) {}

  void Add(Write write);
  int64_t dropped() const { return dropped_; }  // progress that was worthless

 private:
  void Go();
  void Written(const VirtualRedis::Replies& replies);

  VirtualRedis* const redis_;
  const std::function<void(const std::string& id, const std::string& token)> on_fenced_;
  std::map<std::string, int64_t> last_;  // number of the last write, by token
  std::deque<Write> pending_;
  size_t sending_ = 0;  // of those, from the front
  int64_t number_ = 0;
  int64_t dropped_ = 0;
};

}  // namespace latentd::bench
