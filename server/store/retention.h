#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "absl/time/time.h"
#include "server/store/job_record.h"

namespace latentd::store {

struct RetentionLimits {
  absl::Duration ttl{};
  int64_t bytes = 0;
  int max_finished = 0;
};

// Which finished jobs are forgotten, and when: those past their time, then the oldest until the bounds are kept. Two
// exceptions, so that nobody loses what was just made for him: a job that somebody still reads stays for a minute after
// its end, and the job that ended last stays until its time. Not thread-safe.
class Retention {
 public:
  static constexpr absl::Duration kReaderGrace = absl::Minutes(1);

  explicit Retention(const RetentionLimits& limits) : limits_(limits) {}

  // Bytes of any job, finished or not, came or went.
  void AddBytes(int64_t bytes) { bytes_ += bytes; }

  // Sets the record's expire_time. REQUIRES: its end_time is set.
  void OnEnded(JobRecord* record);
  void OnRemoved(const JobRecord* record);

  // A job to remove now; null when all may stay.
  JobRecord* NextToForget(absl::Time now) const;

  // When NextToForget will have something to say, if nothing happens before; `now` when it has already.
  absl::Time NextTime(absl::Time now) const;

 private:
  using Place = std::pair<absl::Time, int64_t>;  // a time, and the record's serial

  bool OverBounds() const;
  static bool IsBeingRead(const JobRecord& record, absl::Time now);

  const RetentionLimits limits_;
  int64_t bytes_ = 0;
  std::map<Place, JobRecord*> by_end_;
  std::map<Place, JobRecord*> by_expiry_;
};

}  // namespace latentd::store
