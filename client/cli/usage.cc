#include "client/cli/usage.h"

#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace latentd::cli {

CLI::Error UsageError(const std::string& message) { return CLI::ValidationError(message); }

std::string ReadFlagFile(const char* flag, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file || bytes.empty()) throw UsageError(absl::StrCat(flag, " ", path, ": cannot be read, or is empty"));
  return bytes;
}

}  // namespace latentd::cli
