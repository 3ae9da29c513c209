#include "server/store/waiting_line.h"

#include <iterator>

namespace latentd::store {

void WaitingLine::Add(JobRecord* record) {
  all_.emplace(PlaceOf(*record), record);
  unclaimed_.emplace(PlaceOf(*record), record);
}

void WaitingLine::Remove(const JobRecord* record) {
  all_.erase(PlaceOf(*record));
  unclaimed_.erase(PlaceOf(*record));
}

std::vector<JobRecord*> WaitingLine::Claim(int limit) {
  std::vector<JobRecord*> claimed;
  while (static_cast<int>(claimed.size()) < limit && !unclaimed_.empty()) {
    claimed.push_back(unclaimed_.begin()->second);
    unclaimed_.erase(unclaimed_.begin());
  }
  return claimed;
}

int WaitingLine::Position(const JobRecord* record) const {
  const auto behind = std::distance(all_.find(PlaceOf(*record)), all_.end());
  return static_cast<int>(all_.size()) - static_cast<int>(behind);
}

std::vector<std::pair<JobRecord*, int>> WaitingLine::Moved() {
  const bool everybody = ++changes_ % kNearFront == 0;
  std::vector<std::pair<JobRecord*, int>> moved;
  int position = 0;
  for (const auto& [place, record] : all_) {
    if (position >= kNearFront && !everybody) break;
    if (record->told_position != position) moved.emplace_back(record, position);
    ++position;
  }
  return moved;
}

WaitingLine::Place WaitingLine::PlaceOf(const JobRecord& record) const {
  return {record.create_time - record.request->priority() * ageing_, record.serial};
}

}  // namespace latentd::store
