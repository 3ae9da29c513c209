#include "server/rpc/own_jobs.h"

#include <utility>

#include "server/core/errors.h"

namespace latentd::rpc {

absl::StatusOr<core::Job> OwnJobs::Create(std::shared_ptr<const core::GenerationRequest> request,
                                          core::CreateOptions options) const {
  options.tenant = tenant_;
  return store_->Create(std::move(request), options);
}

absl::StatusOr<core::Job> OwnJobs::Get(const std::string& name) const {
  if (absl::Status own = Check(name); !own.ok()) return own;
  return store_->Get(name);
}

absl::StatusOr<core::JobPage> OwnJobs::List(core::ListOptions options) const {
  options.tenant = tenant_;
  return store_->List(options);
}

absl::StatusOr<core::Job> OwnJobs::Cancel(const std::string& name) const {
  if (absl::Status own = Check(name); !own.ok()) return own;
  return store_->Cancel(name, "CALLER");
}

absl::Status OwnJobs::Delete(const std::string& name) const {
  if (absl::Status own = Check(name); !own.ok()) return own;
  return store_->Delete(name);
}

absl::StatusOr<core::Output> OwnJobs::GetOutput(const std::string& name, int index) const {
  if (absl::Status own = Check(name); !own.ok()) return own;
  return store_->GetOutput(name, index);
}

absl::Status OwnJobs::Check(const std::string& name) const {
  const absl::StatusOr<std::string> tenant = store_->TenantOf(name);
  if (!tenant.ok()) return tenant.status();
  return *tenant == tenant_ ? absl::OkStatus() : core::JobNotFoundError(name);
}

}  // namespace latentd::rpc
