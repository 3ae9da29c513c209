#include "client/cli/print_error.h"

#include <iostream>

#include "absl/strings/str_cat.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/text.h"
#include "client/cpp/error.h"

namespace latentd::cli {

void PrintError(const absl::Status& status, const CommandLine& line) {
  const client::ErrorDetails details = client::GetErrorDetails(status);
  std::string text(status.message());
  if (text.empty()) {
    text = absl::StatusCodeToString(status.code());
  }
  // Without a reason it is not the server that speaks.
  if (absl::IsUnavailable(status) && details.info.reason().empty()) {
    text = absl::StrCat(line.server, " cannot be reached: ", text);
  }
  if (details.retry_after.has_value() && *details.retry_after >= absl::ZeroDuration()) {
    absl::StrAppend(&text, "\ntry again in ", DurationText(*details.retry_after));
  }
  std::cerr << "error: " << text << std::endl;
  if (line.json) {
    std::cout << ErrorJson(status) << std::endl;
  }
}

int Fail(const absl::Status& status, const CommandLine& line) {
  PrintError(status, line);
  return ExitCodeOf(status);
}

}  // namespace latentd::cli
