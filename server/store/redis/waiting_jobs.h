#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/core/mutex.h"

namespace latentd::store {

// Ids of jobs that wait and that somebody here watches: whose positions are worth telling. Thread-safe.
class WaitingJobs {
 public:
  void Add(const std::string& id) {
    core::MutexLock lock(mutex_);
    ++watches_[id];
  }
  // REQUIRES: it was added.
  void Remove(const std::string& id) {
    core::MutexLock lock(mutex_);
    const auto found = watches_.find(id);
    if (--found->second == 0) watches_.erase(found);
  }
  std::vector<std::string> Ids() {
    core::MutexLock lock(mutex_);
    std::vector<std::string> ids;
    for (const auto& [id, watches] : watches_) ids.push_back(id);
    return ids;
  }

 private:
  core::Mutex mutex_;
  std::map<std::string, int> watches_ ABSL_GUARDED_BY(mutex_);  // none is 0
};

}  // namespace latentd::store
