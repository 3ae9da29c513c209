#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "server/store/job_record.h"

namespace latentd::store {

// The jobs that have not started. Those of one tenant are in the order of their urgency: each level of priority counts
// for `ageing` of waiting, so that nobody waits for ever; equals go by arrival. Tenants take turns by their weights, as
// the scheduler lets them: the n-th job of one stands before the m-th of another when n/weight is smaller than its
// m/weight. Holds records, owns none. Not thread-safe.
class WaitingLine {
 public:
  // Told of all waiting jobs of a model, and their pixel-steps, whenever they change.
  using OnWork = std::function<void(const std::string& model, int64_t jobs, int64_t pixel_steps)>;

  // `on_work` may be null.
  explicit WaitingLine(absl::Duration ageing, OnWork on_work = nullptr)
      : ageing_(ageing), on_work_(std::move(on_work)) {}

  // One that was claimed and has not started keeps its place.
  void Add(JobRecord* record);
  // Unknown records are fine.
  void Remove(const JobRecord* record);

  // Hands out up to `limit` jobs from the front, each once. They stay in the line until they are removed.
  std::vector<JobRecord*> Claim(int limit);
  bool has_unclaimed() const { return !unclaimed_.empty(); }

  // Jobs before this one. Takes time in proportion to the jobs of its tenant and to the tenants. REQUIRES: it is in the
  // line.
  int Position(const JobRecord* record) const;

  // The jobs whose position differs from the one they were told, with it: to be called after each change. To bound the
  // work, those past the first kNearFront are looked at only once in kNearFront calls.
  static constexpr int kNearFront = 32;
  std::vector<std::pair<JobRecord*, int>> Moved();

 private:
  using Place = std::pair<absl::Time, int64_t>;
  using Line = std::map<Place, JobRecord*>;
  // Where a job stands among all: the smaller, the nearer.
  using Turn = std::pair<double, Place>;

  struct Work {
    int64_t jobs = 0;
    int64_t pixel_steps = 0;
  };

  void AddWork(const JobRecord& record, int sign);
  Place PlaceOf(const JobRecord& record) const;
  static Turn TurnOf(const Line::value_type& entry, int index);

  const absl::Duration ageing_;
  const OnWork on_work_;
  std::map<std::string, Line> lines_;  // of each tenant; none is empty
  Line unclaimed_;
  std::map<std::string, Work> work_;  // of each model that ever had a job
  int changes_ = 0;
};

}  // namespace latentd::store
