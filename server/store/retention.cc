#include "server/store/retention.h"

#include <algorithm>
#include <iterator>

namespace latentd::store {

void Retention::OnEnded(JobRecord* record) {
  const absl::Time end = *record->end_time;
  const absl::Time wanted = record->request->expire_time().value_or(absl::InfiniteFuture());
  record->expire_time = std::max(end, std::min(wanted, end + limits_.ttl));
  by_end_.emplace(Place(end, record->serial), record);
  by_expiry_.emplace(Place(record->expire_time, record->serial), record);
}

void Retention::OnRemoved(const JobRecord* record) {
  by_end_.erase(Place(*record->end_time, record->serial));
  by_expiry_.erase(Place(record->expire_time, record->serial));
}

JobRecord* Retention::NextToForget(absl::Time now) const {
  for (const auto& [place, record] : by_expiry_) {
    if (place.first > now) break;
    if (!IsBeingRead(*record, now)) return record;
  }
  if (!OverBounds()) return nullptr;
  const auto youngest = std::prev(by_end_.end());
  for (auto next = by_end_.begin(); next != youngest; ++next) {
    if (!IsBeingRead(*next->second, now)) return next->second;
  }
  return nullptr;
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
  if (OverBounds() && by_end_.size() > 1) time = std::min(time, by_end_.begin()->first.first + kReaderGrace);
  return time;
}

bool Retention::OverBounds() const {
  if (by_end_.empty()) return false;
  return bytes_ > limits_.bytes || static_cast<int>(by_end_.size()) > limits_.max_finished;
}

bool Retention::IsBeingRead(const JobRecord& record, absl::Time now) {
  return !record.watchers.empty() && now < *record.end_time + kReaderGrace;
}

}  // namespace latentd::store
