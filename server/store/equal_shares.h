#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace latentd::store {

// How much of something limited each tenant holds, and who has to give way when there is no room: nobody does for
// another until he holds more than an equal share, nor for one who would hold more himself, unless that is the least
// that is of use. Not thread-safe.
class EqualShares {
 public:
  EqualShares(int64_t limit, int64_t least) : limit_(limit), least_(least) {}

  void Add(const std::string& tenant, int64_t amount);  // which may be negative

  bool HasRoom(int64_t amount) const { return total_ + amount <= limit_; }
  // Whether `owner` has to give up something so that `tenant` can have so much more. One's own always makes way.
  bool GivesWay(const std::string& owner, const std::string& tenant, int64_t amount) const;

  int64_t total() const { return total_; }

 private:
  int64_t Held(const std::string& tenant) const;

  int64_t limit_;
  int64_t least_;
  int64_t total_ = 0;
  std::map<std::string, int64_t> held_;  // by those that hold anything
};

}  // namespace latentd::store
