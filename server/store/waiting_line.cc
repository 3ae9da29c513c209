#include "server/store/waiting_line.h"

#include <iterator>
#include <queue>

namespace latentd::store {

void WaitingLine::Add(JobRecord* record) {
  unclaimed_.emplace(PlaceOf(*record), record);
  const bool joins = lines_[record->options.tenant].emplace(PlaceOf(*record), record).second;
  if (joins) AddWork(*record, 1);
}

void WaitingLine::Remove(const JobRecord* record) {
  unclaimed_.erase(PlaceOf(*record));
  const auto line = lines_.find(record->options.tenant);
  if (line == lines_.end()) return;
  if (line->second.erase(PlaceOf(*record)) == 0) return;
  if (line->second.empty()) lines_.erase(line);
  AddWork(*record, -1);
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
  const Line& own = lines_.at(record->options.tenant);
  const auto entry = own.find(PlaceOf(*record));
  const int index = static_cast<int>(std::distance(own.begin(), entry));
  const Turn turn = TurnOf(*entry, index);
  int position = index;
  for (const auto& [tenant, line] : lines_) {
    if (&line == &own) continue;
    int before = 0;
    for (auto other = line.begin(); other != line.end() && TurnOf(*other, before) < turn; ++other) ++before;
    position += before;
  }
  return position;
}

std::vector<std::pair<JobRecord*, int>> WaitingLine::Moved() {
  const bool everybody = ++changes_ % kNearFront == 0;
  struct Next {
    Turn turn;
    Line::const_iterator entry;
    Line::const_iterator end;
    int index;
  };
  const auto later = [](const Next& a, const Next& b) { return a.turn > b.turn; };
  std::priority_queue<Next, std::vector<Next>, decltype(later)> fronts(later);
  for (const auto& [tenant, line] : lines_) {
    fronts.push({TurnOf(*line.begin(), 0), line.begin(), line.end(), 0});
  }
  std::vector<std::pair<JobRecord*, int>> moved;
  for (int position = 0; !fronts.empty() && (position < kNearFront || everybody); ++position) {
    Next next = fronts.top();
    fronts.pop();
    JobRecord* const record = next.entry->second;
    if (record->told_position != position) moved.emplace_back(record, position);
    if (++next.entry == next.end) continue;
    ++next.index;
    next.turn = TurnOf(*next.entry, next.index);
    fronts.push(next);
  }
  return moved;
}

void WaitingLine::AddWork(const JobRecord& record, int sign) {
  const std::string& model = record.request->model();
  Work& work = work_[model];
  work.jobs += sign;
  work.pixel_steps += sign * record.pixel_steps;
  if (on_work_) on_work_(model, work.jobs, work.pixel_steps);
}

WaitingLine::Turn WaitingLine::TurnOf(const Line::value_type& entry, int index) {
  return {(index + 1) / entry.second->weight, entry.first};
}

WaitingLine::Place WaitingLine::PlaceOf(const JobRecord& record) const {
  return {record.create_time - record.request->priority() * ageing_, record.serial};
}

}  // namespace latentd::store
