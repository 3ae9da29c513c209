#include "server/rpc/trace_context.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace latentd::rpc {
namespace {

constexpr size_t kTraceIdDigits = 32;
constexpr size_t kSpanIdDigits = 16;

bool IsHex(absl::string_view text, size_t digits) {
  return text.size() == digits &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsId(absl::string_view text, size_t digits) {
  return IsHex(text, digits) && std::any_of(text.begin(), text.end(), [](char c) { return c != '0'; });
}

}  // namespace

TraceContext ReadTraceparent(std::string_view header, const std::function<uint64_t()>& random) {
  const std::vector<absl::string_view> parts = absl::StrSplit(absl::string_view(header.data(), header.size()), '-');
  // A later version may have more parts, and begins with these; "ff" is forbidden.
  const bool valid = parts.size() >= 4 && IsHex(parts[0], 2) && parts[0] != "ff" &&
                     (parts[0] != "00" || parts.size() == 4) && IsId(parts[1], kTraceIdDigits) &&
                     IsId(parts[2], kSpanIdDigits) && IsHex(parts[3], 2);
  if (valid) {
    return {.trace_id = std::string(parts[1]), .parent_span_id = std::string(parts[2]), .span_id = RandomId(random)};
  }
  TraceContext trace{.trace_id = RandomId(random)};
  trace.trace_id += RandomId(random);
  trace.span_id = RandomId(random);
  return trace;
}

std::string RandomId(const std::function<uint64_t()>& random) {
  uint64_t bits = 0;
  while (bits == 0) bits = random();
  return absl::StrCat(absl::Hex(bits, absl::kZeroPad16));
}

}  // namespace latentd::rpc
