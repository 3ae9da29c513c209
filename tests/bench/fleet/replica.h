#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "server/core/scheduler.h"
#include "tests/bench/fleet/claims.h"
#include "tests/bench/fleet/event_queue.h"
#include "tests/bench/fleet/jobs.h"
#include "tests/bench/fleet/payloads.h"
#include "tests/bench/fleet/reads.h"
#include "tests/bench/fleet/virtual_redis.h"
#include "tests/bench/fleet/writes.h"

namespace latentd::bench {

// A latentd without a network and a model: the real scheduler decides, and a stage takes the time that `Speed` says.
// Does what engine::Engine does on its thread, and what its store does on theirs.
class Replica {
 public:
  struct Options {
    EventQueue* events = nullptr;
    VirtualRedis* redis = nullptr;
    Jobs* jobs = nullptr;
    const Payloads* payloads = nullptr;
    std::string name;
    std::set<std::string> models;   // that are there from the beginning
    absl::Duration renews_after{};  // first; not all at once
  };

  explicit Replica(Options options);

  // A caller connected to it asks for a picture and waits for it. False: Redis would not answer in time.
  bool Generate(const Arrival& arrival, const std::string& id);

  Reads& reads() { return reads_; }
  const Writes& writes() const { return writes_; }

  // So far.
  struct Work {
    absl::Duration busy{};
    int64_t forwards = 0;
    int64_t rows = 0;      // of them
    int64_t progress = 0;  // that was to be written
    int64_t checkpoints = 0;
    int64_t lost = 0;  // jobs, as their leases had ended
  };
  const Work& work() const { return work_; }

 private:
  struct Running {
    std::string token;
    bool started = false;
    absl::Time checkpoint_time;
    absl::Time progress_time = absl::InfinitePast();
  };

  void Go();
  void Submit(const Claims::Token& token);
  absl::Duration TimeOf(const core::Plan& plan) const;
  void End(const core::Plan& plan);
  void Publish(core::Stage stage, const std::string& id);
  void Checkpoint();
  void Offer();
  // It is somebody else's.
  void Lose(const std::string& id, const std::string& token);
  void Write(const std::string& id, std::vector<std::string> what);

  const Options options_;
  Reads reads_;
  Writes writes_;
  Claims claims_;
  core::Scheduler scheduler_;
  std::set<std::string> models_;   // that are there
  std::set<std::string> loading_;  // that will be
  std::deque<Claims::Token> ready_;
  std::map<std::string, Running> running_;   // by id, from its claim on
  std::map<core::RowId, std::string> rows_;  // the jobs that they are of
  core::RowId next_row_ = 1;
  core::Capacity offered_;
  bool busy_ = false;
  absl::Time planned_at_;
  Work work_;
};

}  // namespace latentd::bench
