#pragma once

#include <deque>
#include <functional>
#include <set>
#include <string>

#include "absl/time/time.h"
#include "tests/bench/fleet/event_queue.h"
#include "tests/bench/fleet/jobs.h"
#include "tests/bench/fleet/virtual_redis.h"

namespace latentd::bench {

// What store::Subscriptions does on its thread, one message after another: readers' copies of histories are filled
// (store::RedisWatch), the line is told of (RedisJobStore::TellOfLine), the claimer is woken.
class Reads {
 public:
  struct Options {
    EventQueue* events = nullptr;
    VirtualRedis* redis = nullptr;
    Jobs* jobs = nullptr;
    std::string owner;
    std::function<void()> on_work;
  };

  explicit Reads(Options options) : options_(std::move(options)) {}

  // A reader of the job is there, which has read the job's beginning.
  void Follow(const std::string& id);
  // Messages.
  void OnTold(const std::string& id);
  void OnMoved();
  void OnWork();

  static std::vector<store::RedisCommand> Read(const Job& job);
  // What has come for its reader; whether that is an output whose bytes are to be read, too.
  bool Take(const VirtualRedis::Replies& replies, Job& job);

 private:
  using Task = std::function<void(std::function<void()> done)>;

  void Add(Task task);
  void Go();
  void Fill(const std::string& id, const std::function<void()>& done);
  void TellOfLine(const std::function<void()>& done);
  void TellPositions();
  void RetryLine();

  const Options options_;
  std::deque<Task> tasks_;
  bool busy_ = false;
  std::set<std::string> followed_;  // jobs
  std::set<std::string> waiting_;   // jobs whose readers have not heard of a start
  absl::Time line_told_ = absl::InfinitePast();
  bool retries_ = false;
};

}  // namespace latentd::bench
