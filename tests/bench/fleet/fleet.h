#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/bench/fleet/event_queue.h"
#include "tests/bench/fleet/jobs.h"
#include "tests/bench/fleet/payloads.h"
#include "tests/bench/fleet/replica.h"
#include "tests/bench/fleet/trace.h"
#include "tests/bench/fleet/virtual_redis.h"

namespace latentd::bench {

// Replicas on one Redis, and callers at all of them, on the virtual clock.
class Fleet {
 public:
  struct Options {
    int replicas = 1;
    double load = 0.8;
    unsigned seed = 1;
    int picture_bytes = 400'000;  // a PNG of a photograph of 512 × 512 is about half of its pixels
    bool one_redis = false;       // with one processor: calls wait for one another
  };

  explicit Fleet(const Options& options);

  // Callers come until then.
  void Run(absl::Duration time);
  // Nobody comes any more; gives whether every job has ended by then.
  bool Finish(absl::Duration time);

  // So far.
  struct Counts {
    absl::Time now;
    int64_t refused = 0;   // callers, as Redis would not answer in time
    int64_t dropped = 0;   // progress that had become worthless before it was written
    Replica::Work work{};  // of all replicas
    VirtualRedis::Totals redis{};
  };
  Counts counts();
  const Jobs& jobs() const { return jobs_; }
  double jobs_per_second() const { return trace_.jobs_per_second(); }

 private:
  void Admit();
  void OnPublished(const std::string& channel);

  const Payloads payloads_;
  EventQueue events_;
  VirtualRedis redis_;
  Trace trace_;
  std::mt19937_64 random_;
  Jobs jobs_;
  std::vector<std::unique_ptr<Replica>> replicas_;
  std::map<std::string, Replica*> by_name_;
  bool open_ = true;
  int64_t asked_ = 0;
  int64_t refused_ = 0;
};

}  // namespace latentd::bench
