#pragma once

#include <algorithm>

#include "server/core/job_store.h"

namespace latentd::store {

// Whether a tenant's list of these states and labels shows a job.
inline bool Lists(const core::ListOptions& options, core::JobState state, const core::GenerationRequest& request) {
  const auto& states = options.states;
  if (!states.empty() && std::find(states.begin(), states.end(), state) == states.end()) return false;
  return std::all_of(options.labels.begin(), options.labels.end(), [&](const auto& wanted) {
    const auto found = request.labels().find(wanted.first);
    return found != request.labels().end() && found->second == wanted.second;
  });
}

}  // namespace latentd::store
