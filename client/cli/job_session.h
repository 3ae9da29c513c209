#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/command_line.h"
#include "client/cli/interrupt.h"
#include "client/cli/output_files.h"
#include "client/cli/reporter.h"
#include "client/cpp/client.h"

namespace latentd::cli {

// What generate and watch do with a job's events: report them, write previews and pictures, and find the exit code.
class JobSession {
 public:
  // Without `files` nothing is written. REQUIRES: `files` outlives the session.
  JobSession(const CommandLine& line, int outputs, OutputFiles* files);

  // For Generate or Watch. REQUIRES: the session outlives the call.
  client::Callbacks callbacks();

  // Writes a picture that came by another way than the events.
  void Save(int index, const std::string& data);

  // Of an output that there is no picture of, learnt by another way than the events.
  void Missed() { incomplete_ = true; }

  bool saved(int index) const { return saved_.count(index) > 0; }
  int64_t last_sequence() const { return last_sequence_; }
  const std::string& job() const { return job_; }

  // Ends the report: standard error may be used from now on.
  void Finish() { reporter_.reset(); }

  // Prints what went wrong with the job or its outputs. REQUIRES: Finish was called.
  int Conclude(const absl::StatusOr<client::Result>& result, const Interrupt& interrupt);

 private:
  void OnOutput(const client::Output& output);

  const CommandLine& line_;
  OutputFiles* const files_;
  std::unique_ptr<Reporter> reporter_;
  std::string job_;
  int64_t last_sequence_;
  std::set<int> saved_;
  bool incomplete_ = false;
  absl::Status file_error_;
};

}  // namespace latentd::cli
