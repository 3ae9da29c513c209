#pragma once

#include <functional>

#include "absl/status/status.h"

namespace latentd::engine {

// Runs `work` and turns what it throws into a status: the one place where exceptions of LibTorch and of model/ end.
//
//   ModelError            FAILED_PRECONDITION, reason MODEL_BROKEN
//   out of memory         RESOURCE_EXHAUSTED, reason OUT_OF_MEMORY
//   anything else         INTERNAL, reason COMPUTATION_FAILED, with LibTorch's own words
absl::Status Guarded(const std::function<void()>& work);

// The same for work that also tells a failure of its own.
absl::Status GuardedStatus(const std::function<absl::Status()>& work);

// The same for making the sampler that a request chose: a ModelError about nothing but its steps, sigmas and eta
// ("steps: pndm needs at least 4") is INVALID_ARGUMENT, reason INVALID_FIELDS, with violations of "spec.steps" ….
absl::Status GuardedChoice(const std::function<void()>& work);

// Whether `status` says that memory ran out, so that a smaller batch may succeed.
bool IsOutOfMemory(const absl::Status& status);

}  // namespace latentd::engine
