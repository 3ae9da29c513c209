#pragma once

#include <string>

#include "absl/status/status.h"
#include "server/core/job_store.h"
#include "server/rpc/call_log.h"

namespace latentd {

// Lines of the log about what happened. Thread-safe.

// A call of the API is over.
void LogCall(const rpc::CallRecord& call);

// A job has ended, however.
void LogJob(const core::Job& job);

// Whether the store that shares jobs can be used has changed.
void LogJobStore(const absl::Status& status);

// This process cannot run a job of that store, which is left to others, or fails when none may try any more.
void LogUnable(const std::string& job, const absl::Status& status);

// That store has refused a single command.
void LogRefusal(const absl::Status& status);

// A file that changed while it is in use cannot be used.
void LogReload(const absl::Status& status);

}  // namespace latentd
