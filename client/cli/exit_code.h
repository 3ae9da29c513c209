#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cpp/error.h"

namespace latentd::cli {

// What latentctl returns; stable, scripts depend on it.
enum ExitCode {
  kDone = 0,         // everything that was asked for is done, every output is written
  kUsage = 2,        // the command line is wrong
  kServerError = 3,  // the server refused the request, or the job failed
  kCancelled = 4,    // the job was cancelled by somebody else
  kUnavailable = 5,  // the server cannot be reached, is not ready, or asks to come back later
  kIncomplete = 6,   // the job is completed, but an output failed or was withheld
  kFileError = 7,    // a file could not be written
  kSignalled = 128,  // plus the signal's number: 130 after Ctrl-C
};

// For an error that came from the server, which may say when to come back. REQUIRES: !status.ok().
inline int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return kUnavailable;
    case absl::StatusCode::kCancelled:
      return kCancelled;
    default:
      const auto retry_after = client::GetErrorDetails(status).retry_after;
      return retry_after && *retry_after >= absl::ZeroDuration() ? kUnavailable : kServerError;
  }
}

}  // namespace latentd::cli
