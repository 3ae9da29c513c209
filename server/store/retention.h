#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "server/store/job_record.h"

namespace latentd::store {

struct RetentionLimits {
  absl::Duration ttl{};
  int64_t bytes = 0;
  int max_finished = 0;
};

// Which finished jobs are forgotten, and when: those past their time, then, until the bounds are kept, the oldest of
// the tenant that holds the most, so that nobody's pictures make room for another's who has more. Two exceptions, so
// that nobody loses what was just made for him: a job that somebody still reads stays for a minute after its end, and
// the job that ended last stays until its time. Not thread-safe.
class Retention {
 public:
  static constexpr absl::Duration kReaderGrace = absl::Minutes(1);

  explicit Retention(const RetentionLimits& limits) : limits_(limits) {}

  // Bytes of any job of the tenant's, finished or not, came or went.
  void AddBytes(const std::string& tenant, int64_t bytes);

  // Sets the record's expire_time. REQUIRES: its end_time is set.
  void OnEnded(JobRecord* record);
  void OnRemoved(const JobRecord* record);

  // A job to remove now; null when all may stay.
  JobRecord* NextToForget(absl::Time now) const;

  // When NextToForget will have something to say, if nothing happens before; `now` when it has already.
  absl::Time NextTime(absl::Time now) const;

 private:
  using Place = std::pair<absl::Time, int64_t>;  // a time, and the record's serial

  // What a tenant holds: there while it is anything.
  struct Holding {
    int64_t bytes = 0;
    std::map<Place, JobRecord*> by_end;  // finished jobs
  };

  bool TooManyBytes() const { return bytes_ > limits_.bytes; }
  bool TooManyJobs() const { return static_cast<int>(by_expiry_.size()) > limits_.max_finished; }
  void DropIfEmpty(const std::string& tenant);
  // Of all jobs the one that ended last. REQUIRES: one has ended.
  const JobRecord* Youngest() const;
  static bool IsBeingRead(const JobRecord& record, absl::Time now);

  const RetentionLimits limits_;
  int64_t bytes_ = 0;  // of all holdings
  std::map<std::string, Holding> holdings_;
  std::map<Place, JobRecord*> by_expiry_;
};

}  // namespace latentd::store
