#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "server/store/equal_shares.h"
#include "server/store/job_record.h"

namespace latentd::store {

struct RetentionLimits {
  absl::Duration ttl{};
  int64_t bytes = 0;
  int max_finished = 0;
};

// Which finished jobs are forgotten, and when: those past their time, then, until the bounds are kept, the oldest of
// the tenant that holds the most, and nothing of one that holds no more than an equal share. Two exceptions, so that
// nobody loses what was just made for him: a job that somebody still reads stays for a minute after its end, and the
// job that ended last stays until its time. What cannot be kept within the bounds so, because jobs that have not ended
// take so much, is bounded by Admission. Not thread-safe.
class Retention {
 public:
  static constexpr absl::Duration kReaderGrace = absl::Minutes(1);

  explicit Retention(const RetentionLimits& limits)
      : ttl_(limits.ttl), bytes_(limits.bytes, 0), jobs_(limits.max_finished, 0) {}

  // Bytes of any job of the tenant's, finished or not, came or went.
  void AddBytes(const std::string& tenant, int64_t bytes) { bytes_.Add(tenant, bytes); }

  // Sets the record's expire_time. REQUIRES: its end_time is set.
  void OnEnded(JobRecord* record);
  void OnRemoved(const JobRecord* record);

  // A job to remove now; null when all may stay.
  JobRecord* NextToForget(absl::Time now) const;

  // When NextToForget will have something to say, if nothing happens before; `now` when it has already.
  absl::Time NextTime(absl::Time now) const;

 private:
  using Place = std::pair<absl::Time, int64_t>;  // a time, and the record's serial

  using Jobs = std::map<Place, JobRecord*>;

  // Null when that may not go, or there is none.
  JobRecord* OldestOfWhoHoldsMost(const EqualShares& scarce, absl::Time now) const;
  // Of all jobs the one that ended last; null when none has.
  const JobRecord* Youngest() const;
  static bool IsBeingRead(const JobRecord& record, absl::Time now);
  // The oldest of them that may go; null when none may.
  static JobRecord* OldestToForget(const Jobs& jobs, const JobRecord* youngest, absl::Time now);

  const absl::Duration ttl_;
  EqualShares bytes_;
  EqualShares jobs_;                    // that have ended
  std::map<std::string, Jobs> by_end_;  // of each tenant that has any
  Jobs by_expiry_;
};

}  // namespace latentd::store
