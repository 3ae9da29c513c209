#include "server/rpc/time_messages.h"

#include <gtest/gtest.h>

namespace latentd::rpc {
namespace {

google::protobuf::Duration Duration(int64_t seconds, int32_t nanos) {
  google::protobuf::Duration duration;
  duration.set_seconds(seconds);
  duration.set_nanos(nanos);
  return duration;
}

google::protobuf::Timestamp Timestamp(int64_t seconds, int32_t nanos) {
  google::protobuf::Timestamp time;
  time.set_seconds(seconds);
  time.set_nanos(nanos);
  return time;
}

TEST(TimeMessages, DurationsGoThereAndBack) {
  for (const absl::Duration duration : {absl::ZeroDuration(), absl::Milliseconds(1500), -absl::Milliseconds(1500),
                                        -absl::Nanoseconds(1), absl::Hours(1000)}) {
    EXPECT_EQ(FromProto(ToProto(duration)), duration);
  }
  EXPECT_EQ(ToProto(-absl::Milliseconds(1500)).nanos(), -500'000'000);
}

TEST(TimeMessages, TimesGoThereAndBack) {
  for (const absl::Time time :
       {absl::UnixEpoch(), absl::FromUnixNanos(-1), absl::FromUnixNanos(1'700'000'000'000'000'001)}) {
    EXPECT_EQ(FromProto(ToProto(time)), time);
    EXPECT_GE(ToProto(time).nanos(), 0);
  }
}

TEST(TimeMessages, InfinitiesBecomeLimits) {
  EXPECT_EQ(ToProto(absl::InfiniteDuration()).seconds(), 315'576'000'000);
  EXPECT_EQ(ToProto(absl::InfiniteFuture()).seconds(), 253'402'300'799);
  EXPECT_TRUE(FromProto(ToProto(absl::InfinitePast())).has_value());
}

TEST(TimeMessages, InvalidMessagesAreRefused) {
  EXPECT_FALSE(FromProto(Duration(1, -1)).has_value());
  EXPECT_FALSE(FromProto(Duration(-1, 1)).has_value());
  EXPECT_FALSE(FromProto(Duration(0, 1'000'000'000)).has_value());
  EXPECT_FALSE(FromProto(Duration(315'576'000'001, 0)).has_value());
  EXPECT_FALSE(FromProto(Timestamp(0, -1)).has_value());
  EXPECT_FALSE(FromProto(Timestamp(0, 1'000'000'000)).has_value());
  EXPECT_FALSE(FromProto(Timestamp(253'402'300'800, 0)).has_value());
}

}  // namespace
}  // namespace latentd::rpc
