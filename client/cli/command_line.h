#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "latentd/v1/job.pb.h"
#include "latentd/v1/spec.pb.h"

namespace latentd::cli {

enum class Command { kGenerate, kModels, kAdapters, kJobs, kWatch, kCancel, kHealth, kTop };

// What the user asked for. Fields that a command does not have keep their defaults.
struct CommandLine {
  Command command = Command::kHealth;
  std::string server = "127.0.0.1:50051";
  std::optional<client::TlsOptions> tls;
  std::string api_key;  // or token; empty: none
  bool json = false;

  // generate
  v1::GenerationSpec spec;  // the model is empty when none was given
  v1::JobOptions options;
  bool detach = false;

  // generate and watch; empty when not given
  std::string out;

  // watch and cancel: a full name, "jobs/<uuid>"
  std::string job;
  int64_t after = 0;

  // jobs
  std::vector<v1::Job::State> states;
  std::map<std::string, std::string> labels;

  // top
  std::vector<std::string> servers;  // instead of `server`; never empty
  absl::Duration interval;
  int samples = 0;  // 0: until it is ended
};

// The command line, or the code to exit with after help or what is wrong was printed.
std::variant<CommandLine, int> ParseCommandLine(int argc, const char* const* argv);

}  // namespace latentd::cli
