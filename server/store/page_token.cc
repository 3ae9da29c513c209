#include "server/store/page_token.h"

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/core/errors.h"

namespace latentd::store {
namespace {

// FNV-1a, 64 bits. Guards against mistakes, not against forgery: a token gives nothing that a list does not.
class Hash {
 public:
  void Add(absl::string_view text) {
    for (const char byte : text) Byte(static_cast<unsigned char>(byte));
    Byte(0);
  }
  uint64_t value() const { return value_; }

 private:
  void Byte(unsigned char byte) { value_ = (value_ ^ byte) * 0x100000001b3; }

  uint64_t value_ = 0xcbf29ce484222325;
};

}  // namespace

std::string MakePageToken(int64_t last_serial, const core::ListOptions& options) {
  Hash hash;
  hash.Add(absl::StrCat(last_serial));
  hash.Add(options.tenant);
  for (const core::JobState state : options.states) hash.Add(absl::StrCat(static_cast<int>(state)));
  hash.Add("labels");
  for (const auto& [key, value] : options.labels) {
    hash.Add(key);
    hash.Add(value);
  }
  return absl::WebSafeBase64Escape(absl::StrCat(last_serial, ".", absl::Hex(hash.value())));
}

absl::StatusOr<int64_t> ReadPageToken(const core::ListOptions& options) {
  std::string text;
  int64_t serial = 0;
  const bool readable = absl::WebSafeBase64Unescape(options.page_token, &text) &&
                        absl::SimpleAtoi(absl::string_view(text).substr(0, text.find('.')), &serial);
  if (readable && MakePageToken(serial, options) == options.page_token) return serial;
  const std::string problem = "is not a token of a list with these states and labels; leave it out to begin anew";
  return core::MakeError(absl::StatusCode::kInvalidArgument, absl::StrCat("page_token ", problem, "."),
                         {.reason = "INVALID_PAGE_TOKEN", .violations = {{"page_token", problem}}});
}

}  // namespace latentd::store
