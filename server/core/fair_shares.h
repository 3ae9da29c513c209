#pragma once

#include <map>
#include <string>

#include "absl/time/time.h"

namespace latentd::core {

// How much of the device each tenant had, for its weight (start-time fair queuing: Goyal, Vin and Cheng, 1996). Knows
// the tenants that have rows, and those that had more than the others when theirs were done. Not thread-safe.
class FairShares {
 public:
  // A row of the tenant's has come. A tenant that comes back after a pause is owed nothing for it: it goes on with the
  // time of the one that was served last, or with its own, if that is more.
  void Add(const std::string& tenant, double weight);
  // It has gone. REQUIRES: it was there.
  void Remove(const std::string& tenant);

  // The device was busy for `time` with so many lanes of each.
  void Charge(const std::map<std::string, int>& lanes, absl::Duration time);

  // Both of a tenant that has rows. The time is in seconds, divided by the weight.
  double weight(const std::string& tenant) const { return tenants_.at(tenant).weight; }
  double time(const std::string& tenant) const { return tenants_.at(tenant).time; }

  // The mean time of tenants that have so many lanes each, all of which have rows; exactly the time of one alone.
  double MeanTime(const std::map<std::string, int>& lanes) const;

 private:
  struct Tenant {
    double weight = 1;
    double time = 0;
    int rows = 0;
  };

  std::map<std::string, Tenant> tenants_;
  double served_time_ = 0;  // the least of those that were served last, before that; never falls
};

}  // namespace latentd::core
