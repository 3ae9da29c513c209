#include "server/core/fair_shares.h"

#include <algorithm>
#include <limits>

namespace latentd::core {

void FairShares::Add(const std::string& tenant, double weight) {
  Tenant& known = tenants_[tenant];
  known.weight = weight;
  if (known.rows == 0) known.time = std::max(known.time, served_time_);
  ++known.rows;
}

void FairShares::Remove(const std::string& tenant) { --tenants_.at(tenant).rows; }

void FairShares::Charge(const std::map<std::string, int>& lanes, absl::Duration time) {
  if (lanes.empty()) return;
  int all = 0;
  double least = std::numeric_limits<double>::infinity();
  for (const auto& [tenant, count] : lanes) {
    all += count;
    least = std::min(least, tenants_.at(tenant).time);
  }
  served_time_ = std::max(served_time_, least);
  for (const auto& [tenant, count] : lanes) {
    Tenant& known = tenants_.at(tenant);
    known.time += absl::ToDoubleSeconds(time) * count / all / known.weight;
  }
  // Who is gone and would go on with that time anyhow need not be known.
  std::erase_if(tenants_,
                [&](const auto& entry) { return entry.second.rows == 0 && entry.second.time <= served_time_; });
}

double FairShares::MeanTime(const std::map<std::string, int>& lanes) const {
  if (lanes.empty()) return served_time_;
  // As differences, so that nothing is rounded where there is one tenant.
  const double first = tenants_.at(lanes.begin()->first).time;
  double sum = 0;
  int all = 0;
  for (const auto& [tenant, count] : lanes) {
    sum += (tenants_.at(tenant).time - first) * count;
    all += count;
  }
  return first + sum / all;
}

}  // namespace latentd::core
