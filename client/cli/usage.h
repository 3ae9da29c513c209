#pragma once

#include <string>

#include "CLI/CLI.hpp"

namespace latentd::cli {

// A problem of the command line that was found after CLI11 was content.
CLI::Error UsageError(const std::string& message);

// The bytes of the file that a flag names. Throws UsageError when it cannot be read, or is empty.
std::string ReadFlagFile(const char* flag, const std::string& path);

}  // namespace latentd::cli
