#include "server/rpc/status.h"

#include <google/rpc/error_details.pb.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/core/errors.h"
#include "server/core/utf8.h"
#include "server/rpc/time_messages.h"

namespace latentd::rpc {
namespace {

struct Limits {
  size_t message_bytes;
  size_t detail_bytes;
};

// The status that a call finishes with travels twice, once percent-encoded (up to three bytes a byte) and once in
// base64: these keep it under the 8 KiB of metadata that gRPC's clients take by default.
constexpr Limits kInMetadata = {.message_bytes = 1000, .detail_bytes = 2000};
constexpr Limits kInMessage = {.message_bytes = 64 << 10, .detail_bytes = 64 << 10};

// At most `limit` bytes of `text`, ending with a whole character and a mark when it was cut.
std::string Shortened(std::string text, size_t limit) {
  if (!core::CountCharacters(text)) text = core::Quote(text);  // protobuf refuses what is not UTF-8
  if (text.size() <= limit) return text;
  constexpr char kMark[] = " …";
  size_t end = limit - (sizeof(kMark) - 1);
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + kMark;
}

google::rpc::BadRequest ToBadRequest(const std::vector<core::FieldViolation>& violations, size_t limit) {
  google::rpc::BadRequest bad_request;
  size_t bytes = 0;
  for (size_t i = 0; i < violations.size(); ++i) {
    const std::string description = Shortened(violations[i].description, 300);
    bytes += violations[i].field.size() + description.size();
    auto* violation = bad_request.add_field_violations();
    if (bytes > limit) {
      violation->set_description(absl::StrCat("and ", violations.size() - i, " more"));
      break;
    }
    violation->set_field(Shortened(violations[i].field, 200));
    violation->set_description(description);
  }
  return bad_request;
}

// "model" and "pictograms" become the resource type and name that the API gives them; full names stay what they are.
google::rpc::ResourceInfo ToResourceInfo(const core::ErrorDetails& details) {
  google::rpc::ResourceInfo info;
  std::string type = details.resource_type;
  if (!type.empty()) type[0] = absl::ascii_toupper(static_cast<unsigned char>(type[0]));
  info.set_resource_type(absl::StrCat("latentd.io/", type));
  const bool full = absl::StrContains(details.resource_name, "/");
  const std::string prefix = full ? "" : absl::StrCat(details.resource_type, "s/");
  info.set_resource_name(Shortened(absl::StrCat(prefix, details.resource_name), 200));
  return info;
}

template <typename Detail>
void Add(google::rpc::Status& status, const Detail& detail) {
  status.add_details()->PackFrom(detail);
}

google::rpc::Status Convert(const absl::Status& status, const Limits& limits) {
  google::rpc::Status out;
  out.set_code(static_cast<int>(status.code()));
  if (status.ok()) return out;
  out.set_message(Shortened(std::string(status.message()), limits.message_bytes));
  const core::ErrorDetails details = core::GetErrorDetails(status);

  google::rpc::ErrorInfo info;
  info.set_reason(details.reason.empty() ? absl::StatusCodeToString(status.code()) : details.reason);
  info.set_domain("latentd");
  for (const auto& [key, value] : details.metadata) (*info.mutable_metadata())[key] = Shortened(value, 500);
  Add(out, info);
  if (!details.violations.empty()) Add(out, ToBadRequest(details.violations, limits.detail_bytes));
  if (!details.resource_type.empty()) Add(out, ToResourceInfo(details));
  if (!details.quota.empty()) {
    google::rpc::QuotaFailure failure;
    failure.add_violations()->set_subject(Shortened(details.quota, 200));
    failure.mutable_violations(0)->set_description(out.message());
    Add(out, failure);
  }
  if (details.retry_after) {
    google::rpc::RetryInfo retry;
    *retry.mutable_retry_delay() = ToProto(*details.retry_after);
    Add(out, retry);
  }
  return out;
}

}  // namespace

google::rpc::Status ToRpcStatus(const absl::Status& status) { return Convert(status, kInMessage); }

grpc::Status ToGrpcStatus(const absl::Status& status, grpc::CallbackServerContext& context) {
  if (status.ok()) return grpc::Status::OK;
  const google::rpc::Status rpc_status = Convert(status, kInMetadata);
  if (const auto retry_after = core::GetErrorDetails(status).retry_after) {
    context.AddTrailingMetadata("grpc-retry-pushback-ms", absl::StrCat(absl::ToInt64Milliseconds(*retry_after)));
  }
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), rpc_status.message(),
                      rpc_status.SerializeAsString());
}

}  // namespace latentd::rpc
