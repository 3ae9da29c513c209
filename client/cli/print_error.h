#pragma once

#include "absl/status/status.h"
#include "client/cli/command_line.h"

namespace latentd::cli {

// "error: …" on standard error, with a line for each violation and, when the server said so, when to try again; with
// --json also as an object on standard output.
void PrintError(const absl::Status& status, const CommandLine& line);

// Prints an error of the server and gives the code to exit with.
int Fail(const absl::Status& status, const CommandLine& line);

}  // namespace latentd::cli
