#pragma once

#include "absl/status/statusor.h"
#include "latentd/v1/image_generation.pb.h"
#include "server/rpc/own_jobs.h"

namespace latentd::rpc {

// A page of jobs, at most about 2 MiB large, so that no caller needs to raise the 4 MiB that gRPC's clients take by
// default: long prompts end a page early. INVALID_ARGUMENT: all violations.
absl::StatusOr<v1::ListJobsResponse> ListJobs(const OwnJobs& jobs, const v1::ListJobsRequest& request);

}  // namespace latentd::rpc
