#include "server/rpc/trace_context.h"

#include <gmock/gmock.h>

#include <string>

namespace latentd::rpc {
namespace {

constexpr char kTraceId[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kSpanId[] = "00f067aa0ba902b7";

TraceContext Read(const std::string& header) {
  uint64_t next = 0;
  return ReadTraceparent(header, [&next] { return next++; });
}

TEST(TraceContextTest, ACallGoesOnWithItsCallersTrace) {
  for (const char* header : {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                             "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
                             "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"}) {
    const TraceContext trace = Read(header);
    EXPECT_EQ(trace.trace_id, kTraceId) << header;
    EXPECT_EQ(trace.parent_span_id, kSpanId) << header;
    EXPECT_EQ(trace.span_id, "0000000000000001") << "never all zero";
  }
}

TEST(TraceContextTest, WhatBreaksTheStandardCountsAsNone) {
  for (const char* header :
       {"", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1", "4bf92f3577b34da6a3ce929d0e0e4736"}) {
    const TraceContext trace = Read(header);
    EXPECT_EQ(trace.trace_id, "00000000000000010000000000000002") << header;
    EXPECT_EQ(trace.parent_span_id, "") << header;
    EXPECT_EQ(trace.span_id, "0000000000000003") << header;
  }
}

}  // namespace
}  // namespace latentd::rpc
