#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/core/caller.h"
#include "server/core/job_store.h"

namespace latentd::rpc {

// The jobs of a caller's tenant: the only way from a call to a job. Another tenant's is NOT_FOUND, like one that never
// was. Otherwise as JobStore has them. REQUIRES: the store outlives it.
class OwnJobs {
 public:
  OwnJobs(core::JobStore* store, const core::Caller& caller) : store_(store), tenant_(caller.tenant) {}

  absl::StatusOr<core::Job> Create(std::shared_ptr<const core::GenerationRequest> request,
                                   core::CreateOptions options) const;
  absl::StatusOr<core::Job> Get(const std::string& name) const;
  absl::StatusOr<core::JobPage> List(core::ListOptions options) const;
  absl::StatusOr<core::Job> Cancel(const std::string& name) const;
  absl::Status Delete(const std::string& name) const;
  absl::StatusOr<core::Output> GetOutput(const std::string& name, int index) const;

  // NOT_FOUND unless there is such a job.
  absl::Status Check(const std::string& name) const;

 private:
  core::JobStore* const store_;
  const std::string tenant_;
};

}  // namespace latentd::rpc
