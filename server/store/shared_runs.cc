#include "server/store/shared_runs.h"

#include <algorithm>

namespace latentd::store {
namespace {

// Each costs a part of every write: jobs.lua has the same bound.
constexpr size_t kMostFollowers = 255;

}  // namespace

JobRecord* SharedRuns::LeaderOf(const core::CreateOptions& options) const {
  const auto run = runs_.find(KeyOf(options));
  return run == runs_.end() ? nullptr : run->second.leader;
}

bool SharedRuns::IsFull(const core::CreateOptions& options) const {
  const auto run = runs_.find(KeyOf(options));
  return run != runs_.end() && run->second.followers.size() >= kMostFollowers;
}

void SharedRuns::Lead(JobRecord* record) {
  if (!record->options.run.empty()) runs_[KeyOf(record->options)].leader = record;
}

void SharedRuns::Follow(JobRecord* record, JobRecord* leader) {
  runs_.at(KeyOf(leader->options)).followers.push_back(record);
}

std::vector<JobRecord*> SharedRuns::FollowersOf(const JobRecord* leader) const {
  const auto run = runs_.find(KeyOf(leader->options));
  if (run == runs_.end() || run->second.leader != leader) return {};
  return run->second.followers;
}

JobRecord* SharedRuns::Leave(const JobRecord* record) {
  const auto found = runs_.find(KeyOf(record->options));
  if (found == runs_.end()) return nullptr;
  auto& [leader, followers] = found->second;
  if (leader != record) {
    std::erase(followers, record);
    return nullptr;
  }
  if (followers.empty()) {
    runs_.erase(found);
    return nullptr;
  }
  leader = followers.front();
  followers.erase(followers.begin());
  return leader;
}

}  // namespace latentd::store
