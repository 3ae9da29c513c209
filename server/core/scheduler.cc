#include "server/core/scheduler.h"

#include <algorithm>
#include <tuple>

namespace latentd::core {

Scheduler::Scheduler(const SchedulerOptions& options) : options_(options), batching_(options.batching) {}

void Scheduler::Submit(const RowTicket& ticket) {
  latest_ = std::max(latest_, ticket.submitted);
  const Place place(ticket.submitted - ticket.priority * options_.ageing, ++submissions_);
  rows_.emplace(ticket.id, Row{.ticket = ticket, .place = place});
  jobs_[ticket.job].insert(ticket.id);

  const auto [group, is_new] = groups_.try_emplace(ticket.key);
  // Not the time when the job came: a key that runs dry again and again would overtake others with old jobs.
  if (is_new) WaitFrom(group->second, latest_);
  group->second.waiting[ticket.tenant].emplace(place, ticket.id);
  ++group->second.priorities[ticket.priority];
  shares_.Add(ticket.tenant, ticket.weight);
}

void Scheduler::SetModelReady(const std::string& model, bool ready) {
  if (ready) {
    ready_.insert(model);
  } else {
    ready_.erase(model);
  }
}

void Scheduler::SetModelHeld(const std::string& model, bool held) {
  if (held) {
    held_.insert(model);
  } else {
    held_.erase(model);
  }
}

std::optional<Plan> Scheduler::NextPlan(absl::Time now) {
  latest_ = std::max(latest_, now);
  planned_at_ = now;
  const auto picked = PickGroup(now);
  if (picked == groups_.end()) return std::nullopt;
  const auto& [key, group] = *picked;

  Plan plan{.stage = Stage::kDecode, .key = key};
  plan.rows = RowsInStage(key, group, Stage::kDecode);
  if (!plan.rows.empty()) return plan;
  plan.stage = Stage::kEncode;
  plan.rows = RowsToBegin(key, group);
  if (!plan.rows.empty()) return plan;
  plan.stage = Stage::kPredict;
  plan.rows = RowsInStage(key, group, Stage::kPredict);
  return plan;
}

void Scheduler::Update(const Plan& plan, absl::Time now, const std::vector<RowResult>& results) {
  latest_ = std::max(latest_, now);
  shares_.Charge(LanesOf(plan.rows), now - planned_at_);
  bool clean = true;
  for (size_t i = 0; i < plan.rows.size() && i < results.size(); ++i) {
    clean = clean && results[i] != RowResult::kNotRun;
    const auto found = rows_.find(plan.rows[i]);
    if (found != rows_.end() && found->second.stage == plan.stage) Book(found->second, results[i]);
  }
  if (clean) batching_.OnCleanRun(plan.key, plan.stage);
}

std::vector<RowId> Scheduler::RemoveJob(const std::string& job) {
  const auto found = jobs_.find(job);
  if (found == jobs_.end()) return {};
  std::vector<RowId> ids(found->second.begin(), found->second.end());
  for (const RowId id : ids) Remove(id);
  return ids;
}

void Scheduler::ShrinkBatch(const BatchKey& key, Stage stage, int rows) { batching_.Shrink(key, stage, rows); }

SchedulerStats Scheduler::stats() const {
  SchedulerStats stats;
  for (const auto& [key, group] : groups_) AddTo(stats, group);
  return stats;
}

SchedulerStats Scheduler::ModelStats(const std::string& model) const {
  SchedulerStats stats;
  for (const auto& [key, group] : groups_) {
    if (key.model == model) AddTo(stats, group);
  }
  return stats;
}

bool Scheduler::Runnable(const BatchKey& key, const Group& group) const {
  if (!ready_.contains(key.model)) return false;
  return !group.active.empty() || !held_.contains(key.model);
}

void Scheduler::WaitFrom(Group& group, absl::Time time) {
  group.since = time;
  group.number = ++waits_;
}

Scheduler::Place Scheduler::Claim(const Group& group) const {
  return {group.since - group.priorities.rbegin()->first * options_.ageing, group.number};
}

// The group that has the device now. Ends the turn of the present one when it is time.
Scheduler::Groups::iterator Scheduler::PickGroup(absl::Time now) {
  const auto present = current_.has_value() ? groups_.find(*current_) : groups_.end();
  if (present != groups_.end()) {
    const bool runnable = Runnable(present->first, present->second);
    if (runnable && (now - turn_began_ < options_.turn || MustDecode(present->second))) return present;
    WaitFrom(present->second, now);
    if (!runnable) current_.reset();
  }

  auto best = groups_.end();
  std::pair<double, Place> best_claim;
  int runnable_groups = 0;
  for (auto group = groups_.begin(); group != groups_.end(); ++group) {
    if (!Runnable(group->first, group->second)) continue;
    ++runnable_groups;
    const auto claim = std::pair(ShareOf(group->first, group->second), Claim(group->second));
    if (best == groups_.end() || claim < best_claim) {
      best = group;
      best_claim = claim;
    }
  }
  if (best == groups_.end()) return best;
  // A group that nobody competes with has no turn to restart: who comes next need not wait for its end.
  if (current_ != best->first || runnable_groups > 1) turn_began_ = now;
  current_ = best->first;
  return best;
}

// Each tenant's, of those rows that are still there.
std::map<std::string, int> Scheduler::LanesOf(const std::vector<RowId>& rows) const {
  std::map<std::string, int> lanes;
  for (const RowId id : rows) {
    const auto row = rows_.find(id);
    if (row != rows_.end()) lanes[row->second.ticket.tenant] += row->second.ticket.lanes;
  }
  return lanes;
}

// What the tenants had whose rows would run: not those who only wait for a place there, or one of them would get the
// device for all the others again and again.
double Scheduler::ShareOf(const BatchKey& key, const Group& group) const {
  return shares_.MeanTime(LanesOf(group.active.empty() ? RowsToBegin(key, group) : group.active));
}

// Finished rows are decoded even when the turn is over: they would wait a whole round for one run, and keep their
// memory. What takes several runs waits between them.
bool Scheduler::MustDecode(const Group& group) const {
  const auto any = [&](auto&& holds) {
    return std::any_of(group.active.begin(), group.active.end(), [&](RowId id) { return holds(rows_.at(id)); });
  };
  return any([](const Row& row) { return row.stage == Stage::kDecode; }) &&
         !any([](const Row& row) { return row.partly_decoded; });
}

std::vector<RowId> Scheduler::RowsInStage(const BatchKey& key, const Group& group, Stage stage) const {
  const auto max_rows = static_cast<size_t>(batching_.MaxRows(key, stage));
  std::vector<RowId> rows;
  for (const RowId id : group.active) {
    if (rows.size() == max_rows) break;
    if (rows_.at(id).stage == stage) rows.push_back(id);
  }
  return rows;
}

// In strict order: were rows of one lane to pass by a row of two, it might never find both free.
std::vector<RowId> Scheduler::RowsToBegin(const BatchKey& key, const Group& group) const {
  std::vector<RowId> rows;
  if (held_.contains(key.model)) return rows;
  const int free_rows = batching_.MaxRows(key, Stage::kPredict) - static_cast<int>(group.active.size());
  const int max_rows = std::min(free_rows, batching_.MaxRows(key, Stage::kEncode));
  int free_lanes = batching_.max_lanes() - Lanes(group);

  struct Candidate {
    double weight;
    double time;
    std::map<Place, RowId>::const_iterator next, end;
    int lanes = 0;  // that the tenant has
  };
  std::map<std::string, Candidate> candidates;
  for (const auto& [tenant, waiting] : group.waiting) {
    candidates[tenant] = {
        .weight = shares_.weight(tenant), .time = shares_.time(tenant), .next = waiting.begin(), .end = waiting.end()};
  }
  for (const RowId id : group.active) {
    const RowTicket& ticket = rows_.at(id).ticket;
    if (const auto found = candidates.find(ticket.tenant); found != candidates.end()) {
      found->second.lanes += ticket.lanes;
    }
  }
  const auto turn = [](const auto& entry) {
    const Candidate& one = entry.second;
    return std::tuple(one.lanes / one.weight, one.time, one.next->first);
  };
  while (!candidates.empty() && static_cast<int>(rows.size()) < max_rows) {
    const auto first = std::min_element(candidates.begin(), candidates.end(),
                                        [&](const auto& a, const auto& b) { return turn(a) < turn(b); });
    Candidate& one = first->second;
    const RowId id = one.next->second;
    const int lanes = rows_.at(id).ticket.lanes;
    const bool alone = rows.empty() && group.active.empty();  // a clip may have more lanes than there are
    if (lanes > free_lanes && !alone) break;
    free_lanes -= lanes;
    one.lanes += lanes;
    rows.push_back(id);
    if (++one.next == one.end) candidates.erase(first);
  }
  return rows;
}

int Scheduler::Lanes(const Group& group) const {
  int lanes = 0;
  for (const RowId id : group.active) lanes += rows_.at(id).ticket.lanes;
  return lanes;
}

void Scheduler::AddTo(SchedulerStats& stats, const Group& group) const {
  for (const auto& [tenant, waiting] : group.waiting) stats.waiting_rows += static_cast<int>(waiting.size());
  stats.active_rows += static_cast<int>(group.active.size());
  stats.active_lanes += Lanes(group);
}

void Scheduler::Book(Row& row, RowResult result) {
  if (result == RowResult::kNotRun) return;
  if (result == RowResult::kGoesOn) {
    row.partly_decoded = true;
    return;
  }
  if (result == RowResult::kFailed || row.stage == Stage::kDecode) {
    Remove(row.ticket.id);
    return;
  }
  if (row.stage == Stage::kEncode) {
    Group& group = groups_.at(row.ticket.key);
    StopWaiting(group, row);
    group.active.push_back(row.ticket.id);
    row.stage = Stage::kPredict;
  } else {
    ++row.evaluated;
  }
  if (row.evaluated == row.ticket.evaluations) row.stage = Stage::kDecode;
}

// Rows that have begun do not wait.
void Scheduler::StopWaiting(Group& group, const Row& row) {
  const auto waiting = group.waiting.find(row.ticket.tenant);
  if (waiting == group.waiting.end()) return;
  waiting->second.erase(row.place);
  if (waiting->second.empty()) group.waiting.erase(waiting);
}

void Scheduler::Remove(RowId id) {
  const auto row = rows_.find(id);
  const RowTicket& ticket = row->second.ticket;

  const auto group = groups_.find(ticket.key);
  StopWaiting(group->second, row->second);
  std::erase(group->second.active, id);
  const auto priority = group->second.priorities.find(ticket.priority);
  if (--priority->second == 0) group->second.priorities.erase(priority);
  if (group->second.waiting.empty() && group->second.active.empty()) {
    if (current_ == ticket.key) current_.reset();
    groups_.erase(group);
  }

  shares_.Remove(ticket.tenant);

  const auto job = jobs_.find(ticket.job);
  job->second.erase(id);
  if (job->second.empty()) jobs_.erase(job);
  rows_.erase(row);
}

}  // namespace latentd::core
