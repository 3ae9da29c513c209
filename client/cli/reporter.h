#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "latentd/v1/event.pb.h"

namespace latentd::cli {

// Tells of a job on standard output: a bar on a terminal, one line for each event in a pipe, one JSON object for each
// event with --json. For one thread.
class Reporter {
 public:
  virtual ~Reporter() = default;

  virtual void OnEvent(const v1::Event& event) = 0;
  virtual void OnSaved(const std::string& path) = 0;
  // Told on standard error.
  virtual void OnRetry(const absl::Status& error, absl::Duration delay);

  // REQUIRES: outputs > 0.
  static std::unique_ptr<Reporter> Make(bool json, int outputs);
};

// The notice of OnRetry, one line without an end.
std::string RetryText(const absl::Status& error, absl::Duration delay);

}  // namespace latentd::cli
