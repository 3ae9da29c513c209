#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace latentd::rpc {

// Where a call belongs in a distributed trace (W3C Trace Context, level 1).
struct TraceContext {
  std::string trace_id{};        // 32 lower-case hexadecimal digits
  std::string parent_span_id{};  // 16; empty: the trace begins here
  std::string span_id{};         // 16, of this call
};

// Of a call that came with this `traceparent`. One that breaks the standard counts as none, and the trace begins here.
// `random` gives 64 random bits.
TraceContext ReadTraceparent(std::string_view header, const std::function<uint64_t()>& random);

// 16 lower-case hexadecimal digits, not all of them zero.
std::string RandomId(const std::function<uint64_t()>& random);

}  // namespace latentd::rpc
