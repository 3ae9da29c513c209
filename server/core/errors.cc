#include "server/core/errors.h"

#include <cstdint>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace latentd::core {
namespace {

constexpr absl::string_view kTypeUrl = "latentd/ErrorDetails";

// The payload is a list of strings, each as "<length>:<bytes>": nothing needs escaping, and no protobuf is needed here.
class Writer {
 public:
  void Text(absl::string_view text) { absl::StrAppend(&bytes_, text.size(), ":", text); }
  void Number(int64_t number) { Text(absl::StrCat(number)); }
  std::string bytes() && { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads what Writer wrote; after the first thing that does not fit, ok() is false and all is empty.
class Reader {
 public:
  explicit Reader(absl::string_view bytes) : rest_(bytes) {}

  std::string Text() {
    const size_t colon = rest_.find(':');
    size_t size = 0;
    if (colon == absl::string_view::npos || !absl::SimpleAtoi(rest_.substr(0, colon), &size) ||
        size > rest_.size() - colon - 1) {
      Fail();
      return "";
    }
    std::string text(rest_.substr(colon + 1, size));
    rest_.remove_prefix(colon + 1 + size);
    return text;
  }

  int64_t Number() {
    int64_t number = 0;
    if (!absl::SimpleAtoi(Text(), &number)) Fail();
    return number;
  }

  bool ok() const { return ok_; }

 private:
  void Fail() {
    ok_ = false;
    rest_ = {};
  }

  absl::string_view rest_;
  bool ok_ = true;
};

std::string Encode(const ErrorDetails& details) {
  Writer writer;
  writer.Text(details.reason);
  writer.Number(static_cast<int64_t>(details.metadata.size()));
  for (const auto& [key, value] : details.metadata) {
    writer.Text(key);
    writer.Text(value);
  }
  writer.Number(details.retry_after.has_value() ? 1 : 0);
  writer.Number(absl::ToInt64Nanoseconds(details.retry_after.value_or(absl::ZeroDuration())));
  writer.Text(details.resource_type);
  writer.Text(details.resource_name);
  writer.Text(details.quota);
  writer.Number(static_cast<int64_t>(details.violations.size()));
  for (const FieldViolation& violation : details.violations) {
    writer.Text(violation.field);
    writer.Text(violation.description);
  }
  return std::move(writer).bytes();
}

ErrorDetails Decode(absl::string_view bytes) {
  Reader reader(bytes);
  ErrorDetails details;
  details.reason = reader.Text();
  for (int64_t left = reader.Number(); left > 0 && reader.ok(); --left) {
    std::string key = reader.Text();
    details.metadata[std::move(key)] = reader.Text();
  }
  const bool has_retry_after = reader.Number() != 0;
  const absl::Duration retry_after = absl::Nanoseconds(reader.Number());
  if (has_retry_after) details.retry_after = retry_after;
  details.resource_type = reader.Text();
  details.resource_name = reader.Text();
  details.quota = reader.Text();
  for (int64_t left = reader.Number(); left > 0 && reader.ok(); --left) {
    std::string field = reader.Text();
    details.violations.push_back({std::move(field), reader.Text()});
  }
  return reader.ok() ? details : ErrorDetails();
}

}  // namespace

absl::Status MakeError(absl::StatusCode code, std::string_view message, const ErrorDetails& details) {
  absl::Status status(code, absl::string_view(message.data(), message.size()));
  status.SetPayload(kTypeUrl, absl::Cord(Encode(details)));
  return status;
}

absl::Status BadRequest(std::vector<FieldViolation> violations) {
  std::string message = absl::StrCat(violations.front().field, " ", violations.front().description);
  if (violations.size() > 1) absl::StrAppend(&message, " (and ", violations.size() - 1, " more violations)");
  return MakeError(absl::StatusCode::kInvalidArgument, message,
                   {.reason = "INVALID_FIELDS", .violations = std::move(violations)});
}

absl::Status JobNotFoundError(const std::string& job) {
  return MakeError(absl::StatusCode::kNotFound, "There is no such job: it never was, or it is no longer kept.",
                   {.reason = "JOB_NOT_FOUND", .resource_type = "job", .resource_name = job});
}

absl::Status JobCancelledError(const std::string& job, const std::string& reason) {
  return MakeError(absl::StatusCode::kCancelled, absl::StrCat(job, " was cancelled (", reason, ")"),
                   {.reason = "JOB_CANCELLED", .metadata = {{"job", job}, {"reason", reason}}});
}

absl::Status OutputNotReadyError(const std::string& job, int index) {
  return MakeError(absl::StatusCode::kFailedPrecondition, absl::StrCat("Output ", index, " is not ready yet."),
                   {.reason = "OUTPUT_NOT_READY", .resource_type = "job", .resource_name = job});
}

absl::Status OutputNotFoundError(const std::string& job, int index) {
  return MakeError(absl::StatusCode::kNotFound, absl::StrCat("The job has no output ", index, "."),
                   {.reason = "OUTPUT_NOT_FOUND",
                    .resource_type = "output",
                    .resource_name = absl::StrCat(job, "/outputs/", index)});
}

ErrorDetails GetErrorDetails(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kTypeUrl);
  if (!payload.has_value()) return {};
  return Decode(std::string(*payload));
}

}  // namespace latentd::core
