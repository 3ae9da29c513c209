#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace latentd::store {

// How much of something limited each tenant holds, and who has to give way when there is no room: one who holds more
// than an equal share, to one who then holds no more than that, or than the least that is of use. Not thread-safe.
class EqualShares {
 public:
  EqualShares(int64_t limit, int64_t least) : limit_(limit), least_(least) {}

  void Add(const std::string& tenant, int64_t amount);  // which may be negative

  bool HasRoom(int64_t amount) const { return total_ + amount <= limit_; }
  // Whether `owner` has to give up what he does not need at present so that `tenant` can have so much more. One's own
  // always makes way.
  bool GivesWay(const std::string& owner, const std::string& tenant, int64_t amount) const;
  // The same of what he is at work with, of which he keeps the least that is of use: or else two who need that much
  // could take it from each other for ever.
  bool StopsWork(const std::string& owner, const std::string& tenant, int64_t amount) const;
  // Whether the tenant holds more than an equal share of those who hold anything.
  bool HoldsMore(const std::string& tenant) const { return Held(tenant) > Share(tenant); }
  int64_t Held(const std::string& tenant) const;

  int64_t total() const { return total_; }

 private:
  // Of those who hold anything and this one.
  int64_t Share(const std::string& tenant) const;

  int64_t limit_;
  int64_t least_;
  int64_t total_ = 0;
  std::map<std::string, int64_t> held_;  // by those that hold anything
};

}  // namespace latentd::store
