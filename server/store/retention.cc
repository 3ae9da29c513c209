#include "server/store/retention.h"

#include <algorithm>

namespace latentd::store {

void Retention::OnEnded(JobRecord* record) {
  const absl::Time end = *record->end_time;
  const absl::Time wanted = record->request->expire_time().value_or(absl::InfiniteFuture());
  record->expire_time = std::max(end, std::min(wanted, end + ttl_));
  jobs_.Add(record->options.tenant, 1);
  by_end_[record->options.tenant].emplace(Place(end, record->serial), record);
  by_expiry_.emplace(Place(record->expire_time, record->serial), record);
}

void Retention::OnRemoved(const JobRecord* record) {
  jobs_.Add(record->options.tenant, -1);
  const auto jobs = by_end_.find(record->options.tenant);
  jobs->second.erase(Place(*record->end_time, record->serial));
  if (jobs->second.empty()) by_end_.erase(jobs);
  by_expiry_.erase(Place(record->expire_time, record->serial));
}

JobRecord* Retention::NextToForget(absl::Time now) const {
  for (const auto& [place, record] : by_expiry_) {
    if (place.first > now) break;
    if (!IsBeingRead(*record, now)) return record;
  }
  for (const EqualShares* scarce : {&bytes_, &jobs_}) {
    if (scarce->HasRoom(0)) continue;
    if (JobRecord* const record = OldestOfWhoHoldsMost(*scarce, now)) return record;
  }
  return nullptr;
}

JobRecord* Retention::OldestOfWhoHoldsMost(const EqualShares& scarce, absl::Time now) const {
  const JobRecord* const youngest = Youngest();
  JobRecord* chosen = nullptr;
  int64_t most = -1;
  for (const auto& [tenant, jobs] : by_end_) {
    if (!scarce.HoldsMore(tenant) || scarce.Held(tenant) <= most) continue;
    JobRecord* const oldest = OldestToForget(jobs, youngest, now);
    if (oldest == nullptr) continue;
    chosen = oldest;
    most = scarce.Held(tenant);
  }
  return chosen;
}

absl::Time Retention::NextTime(absl::Time now) const {
  if (NextToForget(now) != nullptr) return now;
  absl::Time time = absl::InfiniteFuture();
  for (const auto& [place, record] : by_expiry_) {
    if (place.first > now) {
      time = std::min(time, place.first);
      break;
    }
    time = std::min(time, *record->end_time + kReaderGrace);
  }
  if (bytes_.HasRoom(0) && jobs_.HasRoom(0)) return time;
  // Those that are kept for their readers alone.
  for (const auto& [tenant, jobs] : by_end_) {
    const auto& [place, oldest] = *jobs.begin();
    if (IsBeingRead(*oldest, now)) time = std::min(time, place.first + kReaderGrace);
  }
  return time;
}

const JobRecord* Retention::Youngest() const {
  if (by_end_.empty()) return nullptr;
  const auto youngest = std::max_element(by_end_.begin(), by_end_.end(), [](const auto& a, const auto& b) {
    return a.second.rbegin()->first < b.second.rbegin()->first;
  });
  return youngest->second.rbegin()->second;
}

JobRecord* Retention::OldestToForget(const Jobs& jobs, const JobRecord* youngest, absl::Time now) {
  const auto oldest = std::find_if(jobs.begin(), jobs.end(), [&](const auto& entry) {
    return entry.second != youngest && !IsBeingRead(*entry.second, now);
  });
  return oldest == jobs.end() ? nullptr : oldest->second;
}

bool Retention::IsBeingRead(const JobRecord& record, absl::Time now) {
  return !record.watchers.empty() && now < *record.end_time + kReaderGrace;
}

}  // namespace latentd::store
