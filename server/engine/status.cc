#include "server/engine/status.h"

#include <c10/util/Exception.h>

#include <exception>
#include <new>
#include <string>
#include <string_view>

#include "model/errors.h"
#include "server/core/errors.h"

namespace latentd::engine {
namespace {

constexpr char kOutOfMemory[] = "OUT_OF_MEMORY";

absl::Status OutOfMemory(std::string_view what) {
  return core::MakeError(absl::StatusCode::kResourceExhausted, what, {.reason = kOutOfMemory});
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

bool IsOutOfMemory(const absl::Status& status) { return core::GetErrorDetails(status).reason == kOutOfMemory; }

}  // namespace latentd::engine
