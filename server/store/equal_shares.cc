#include "server/store/equal_shares.h"

#include <algorithm>

namespace latentd::store {

void EqualShares::Add(const std::string& tenant, int64_t amount) {
  total_ += amount;
  const auto held = held_.try_emplace(tenant, 0).first;
  held->second += amount;
  if (held->second == 0) held_.erase(held);
}

bool EqualShares::GivesWay(const std::string& owner, const std::string& tenant, int64_t amount) const {
  if (owner == tenant) return true;
  const int64_t share = Share(tenant);
  return Held(owner) > share && Held(tenant) + amount <= std::max(share, least_);
}

bool EqualShares::StopsWork(const std::string& owner, const std::string& tenant, int64_t amount) const {
  const int64_t kept = std::max(Share(tenant), least_);
  return owner != tenant && Held(owner) > kept && Held(tenant) + amount <= kept;
}

int64_t EqualShares::Share(const std::string& tenant) const {
  return limit_ / (static_cast<int64_t>(held_.size()) + (held_.contains(tenant) ? 0 : 1));
}

int64_t EqualShares::Held(const std::string& tenant) const {
  const auto held = held_.find(tenant);
  return held == held_.end() ? 0 : held->second;
}

}  // namespace latentd::store
