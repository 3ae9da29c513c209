#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/status/statusor.h"
#include "server/core/job_store.h"
#include "server/store/job_record.h"

namespace latentd::store {

// All jobs, by name, by request id and by age; owns the records. Not thread-safe.
class JobIndex {
 public:
  // REQUIRES: its name, serial and its tenant's request id (unless empty) are new.
  void Add(std::shared_ptr<JobRecord> record);
  // Gives the record back. REQUIRES: it is here.
  std::shared_ptr<JobRecord> Remove(const JobRecord* record);

  // Null when there is none.
  const std::shared_ptr<JobRecord>& Find(const std::string& name) const;
  const std::shared_ptr<JobRecord>& FindRequest(const std::string& tenant, const std::string& request_id) const;

  // INVALID_ARGUMENT: bad page token. Jobs that come or go meanwhile neither repeat nor hide others.
  // REQUIRES: options.page_size > 0.
  absl::StatusOr<core::JobPage> List(const core::ListOptions& options) const;

 private:
  std::unordered_map<std::string, std::shared_ptr<JobRecord>> by_name_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<JobRecord>> by_request_;  // by tenant and id
  std::map<int64_t, const JobRecord*, std::greater<>> by_age_;                            // newest first
};

}  // namespace latentd::store
