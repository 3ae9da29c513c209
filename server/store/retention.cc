#include "server/store/retention.h"

#include <algorithm>

namespace latentd::store {

void Retention::AddBytes(const std::string& tenant, int64_t bytes) {
  holdings_[tenant].bytes += bytes;
  bytes_ += bytes;
  DropIfEmpty(tenant);
}

void Retention::OnEnded(JobRecord* record) {
  const absl::Time end = *record->end_time;
  const absl::Time wanted = record->request->expire_time().value_or(absl::InfiniteFuture());
  record->expire_time = std::max(end, std::min(wanted, end + limits_.ttl));
  holdings_[record->options.tenant].by_end.emplace(Place(end, record->serial), record);
  by_expiry_.emplace(Place(record->expire_time, record->serial), record);
}

void Retention::OnRemoved(const JobRecord* record) {
  holdings_[record->options.tenant].by_end.erase(Place(*record->end_time, record->serial));
  DropIfEmpty(record->options.tenant);
  by_expiry_.erase(Place(record->expire_time, record->serial));
}

void Retention::DropIfEmpty(const std::string& tenant) {
  const auto found = holdings_.find(tenant);
  if (found->second.bytes == 0 && found->second.by_end.empty()) holdings_.erase(found);
}

JobRecord* Retention::NextToForget(absl::Time now) const {
  for (const auto& [place, record] : by_expiry_) {
    if (place.first > now) break;
    if (!IsBeingRead(*record, now)) return record;
  }
  if (by_expiry_.empty() || (!TooManyBytes() && !TooManyJobs())) return nullptr;
  const JobRecord* const youngest = Youngest();
  JobRecord* chosen = nullptr;
  int64_t most = -1;
  for (const auto& [tenant, holding] : holdings_) {
    const int64_t held = TooManyBytes() ? holding.bytes : static_cast<int64_t>(holding.by_end.size());
    if (held <= most) continue;
    const auto oldest = std::find_if(holding.by_end.begin(), holding.by_end.end(), [&](const auto& entry) {
      return entry.second != youngest && !IsBeingRead(*entry.second, now);
    });
    if (oldest == holding.by_end.end()) continue;
    chosen = oldest->second;
    most = held;
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
  if (by_expiry_.size() > 1 && (TooManyBytes() || TooManyJobs())) {
    for (const auto& [tenant, holding] : holdings_) {
      if (!holding.by_end.empty()) time = std::min(time, holding.by_end.begin()->first.first + kReaderGrace);
    }
  }
  return time;
}

const JobRecord* Retention::Youngest() const {
  const JobRecord* youngest = nullptr;
  Place end;
  for (const auto& [tenant, holding] : holdings_) {
    if (holding.by_end.empty()) continue;
    const auto& [place, record] = *holding.by_end.rbegin();
    if (youngest == nullptr || place > end) {
      youngest = record;
      end = place;
    }
  }
  return youngest;
}

bool Retention::IsBeingRead(const JobRecord& record, absl::Time now) {
  return !record.watchers.empty() && now < *record.end_time + kReaderGrace;
}

}  // namespace latentd::store
