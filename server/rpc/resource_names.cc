#include "server/rpc/resource_names.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/core/errors.h"
#include "server/core/utf8.h"

namespace latentd::rpc {
namespace {

using core::BadRequest;

constexpr char kModels[] = "models/";
constexpr char kJobs[] = "jobs/";
constexpr size_t kMaxNameBytes = 128;

absl::StatusOr<std::string> ReadName(const std::string& field, const std::string& name, const char* form) {
  if (name.empty()) return BadRequest({{field, "must be set"}});
  if (name.size() > kMaxNameBytes) {
    return BadRequest({{field, absl::StrCat("must have at most ", kMaxNameBytes, " bytes; got ", name.size())}});
  }
  if (form != nullptr && (!absl::StartsWith(name, form) || name == form)) {
    return BadRequest({{field, absl::StrCat("must begin with ", form, "; got ", core::Quote(name))}});
  }
  return name;
}

}  // namespace

absl::StatusOr<std::string> ReadModelName(const std::string& field, const std::string& name) {
  absl::StatusOr<std::string> read = ReadName(field, name, nullptr);
  if (!read.ok()) return read;
  const std::string id(absl::StripPrefix(name, kModels));
  if (id.empty()) return BadRequest({{field, "must be set"}});
  return id;
}

absl::StatusOr<std::string> ReadJobName(const std::string& field, const std::string& name) {
  return ReadName(field, name, kJobs);
}

}  // namespace latentd::rpc
