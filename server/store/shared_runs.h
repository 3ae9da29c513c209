#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "server/store/job_record.h"

namespace latentd::store {

// Which jobs share a run: one leads, the others follow it; the run is known by its tenant and CreateOptions::run. Jobs
// without one have no part in it. Holds records, owns none. Not thread-safe.
class SharedRuns {
 public:
  // The job to follow, which has not ended or has completed; null when the next job leads.
  JobRecord* LeaderOf(const core::CreateOptions& options) const;

  // Whether no more can follow: the next job has a run of its own, which it shares with nobody.
  bool IsFull(const core::CreateOptions& options) const;

  // A new job. REQUIRES: there is no leader; there is one.
  void Lead(JobRecord* record);
  void Follow(JobRecord* record, JobRecord* leader);

  // A copy, as what happens to them changes it.
  std::vector<JobRecord*> FollowersOf(const JobRecord* leader) const;

  // It has ended without an end of the run: gives who leads on, if it led and somebody follows; otherwise null.
  JobRecord* Leave(const JobRecord* record);

 private:
  using Key = std::pair<std::string, std::string>;

  struct Run {
    JobRecord* leader = nullptr;
    std::vector<JobRecord*> followers;  // in the order in which they came
  };

  static Key KeyOf(const core::CreateOptions& options) { return {options.tenant, options.run}; }

  std::map<Key, Run> runs_;
};

}  // namespace latentd::store
