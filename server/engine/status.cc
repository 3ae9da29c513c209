#include "server/engine/status.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <exception>
#include <new>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/errors.h"
#include "server/core/errors.h"

namespace latentd::engine {
namespace {

constexpr char kOutOfMemory[] = "OUT_OF_MEMORY";

absl::Status OutOfMemory(std::string_view what) {
  return core::MakeError(absl::StatusCode::kResourceExhausted, what, {.reason = kOutOfMemory});
}

// INVALID_ARGUMENT when all problems are with fields that a request chooses; OK when something else is wrong.
absl::Status Refused(const model::ModelError& error) {
  static const std::set<std::string, std::less<>> kChosen = {"steps", "sigmas", "eta"};
  std::vector<core::FieldViolation> violations;
  for (const std::string& problem : error.problems()) {
    const size_t colon = std::min(problem.find(": "), problem.size());
    const std::string field = problem.substr(0, colon);
    if (kChosen.count(field) == 0) return absl::OkStatus();
    violations.push_back({"spec." + field, problem.substr(std::min(colon + 2, problem.size()))});
  }
  return core::MakeError(absl::StatusCode::kInvalidArgument, error.what(),
                         {.reason = "INVALID_FIELDS", .violations = std::move(violations)});
}

}  // namespace

absl::Status Guarded(const std::function<void()>& work) {
  try {
    work();
    return absl::OkStatus();
  } catch (const model::ModelError& error) {
    return core::MakeError(absl::StatusCode::kFailedPrecondition, error.what(), {.reason = "MODEL_BROKEN"});
  } catch (const c10::OutOfMemoryError& error) {
    return OutOfMemory(error.what_without_backtrace());
  } catch (const c10::Error& error) {
    const std::string_view what = error.what_without_backtrace();
    // LibTorch has a type of its own for a device's memory only; the CPU allocator's failure is told by its text.
    if (what.find("DefaultCPUAllocator: can't allocate memory") != std::string_view::npos) return OutOfMemory(what);
    return core::MakeError(absl::StatusCode::kInternal, what, {.reason = "COMPUTATION_FAILED"});
  } catch (const std::bad_alloc&) {
    return OutOfMemory("the process is out of memory");
  } catch (const std::exception& error) {
    return core::MakeError(absl::StatusCode::kInternal, error.what(), {.reason = "COMPUTATION_FAILED"});
  }
}

absl::Status GuardedStatus(const std::function<absl::Status()>& work) {
  absl::Status told;
  absl::Status status = Guarded([&] { told = work(); });
  status.Update(told);
  return status;
}

absl::Status GuardedChoice(const std::function<void()>& work) {
  return GuardedStatus([&] {
    try {
      work();
      return absl::OkStatus();
    } catch (const model::ModelError& error) {
      const absl::Status refused = Refused(error);
      if (refused.ok()) throw;
      return refused;
    }
  });
}

bool IsOutOfMemory(const absl::Status& status) { return core::GetErrorDetails(status).reason == kOutOfMemory; }

}  // namespace latentd::engine
