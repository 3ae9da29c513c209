#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "server/store/job_record.h"

namespace latentd::store {

// The jobs that have not started, in the order of their urgency: each level of priority counts for `ageing` of waiting,
// so that nobody waits for ever; equals go by arrival. The order of two jobs never changes. Holds records, owns none.
// Not thread-safe.
class WaitingLine {
 public:
  explicit WaitingLine(absl::Duration ageing) : ageing_(ageing) {}

  void Add(JobRecord* record);
  // Unknown records are fine.
  void Remove(const JobRecord* record);

  // Hands out up to `limit` jobs from the front, each once. They stay in the line until they are removed.
  std::vector<JobRecord*> Claim(int limit);
  bool has_unclaimed() const { return !unclaimed_.empty(); }

  // Jobs before this one. Takes time in proportion to the jobs behind it. REQUIRES: it is in the line.
  int Position(const JobRecord* record) const;

  // The jobs whose position differs from the one they were told, with it: to be called after each change. To bound the
  // work, those past the first kNearFront are looked at only once in kNearFront calls.
  static constexpr int kNearFront = 32;
  std::vector<std::pair<JobRecord*, int>> Moved();

 private:
  using Place = std::pair<absl::Time, int64_t>;

  Place PlaceOf(const JobRecord& record) const;

  const absl::Duration ageing_;
  std::map<Place, JobRecord*> all_;
  std::map<Place, JobRecord*> unclaimed_;
  int changes_ = 0;
};

}  // namespace latentd::store
