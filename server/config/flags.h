#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/config/server_options.h"

namespace latentd::config {

// One flag, which is also one key of the configuration file.
struct Flag {
  std::string name;   // "max-batch-rows": --max-batch-rows on the command line, the same without dashes in the file
  std::string value;  // what its value is called in the help; empty: a switch, "true" when given
  std::string help;
  // Reads a value; INVALID_ARGUMENT says what is wrong with it, without the flag's name.
  absl::Status (*set)(ServerOptions& options, const std::string& value);
};

// All of them but --config, --help and --version, which the file cannot hold.
const std::vector<Flag>& Flags();

}  // namespace latentd::config
