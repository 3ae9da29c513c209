#include "server/rpc/time_messages.h"

#include <algorithm>
#include <cstdint>

namespace latentd::rpc {
namespace {

// google/protobuf/duration.proto and timestamp.proto: ten thousand years; years 1 to 9999.
constexpr int64_t kMaxDurationSeconds = 315'576'000'000;
constexpr int64_t kMinTimestampSeconds = -62'135'596'800;
constexpr int64_t kMaxTimestampSeconds = 253'402'300'799;
constexpr int32_t kNanosPerSecond = 1'000'000'000;

}  // namespace

google::protobuf::Duration ToProto(absl::Duration duration) {
  const absl::Duration limit = absl::Seconds(kMaxDurationSeconds);
  absl::Duration rest = std::clamp(duration, -limit, limit);
  google::protobuf::Duration out;
  out.set_seconds(absl::IDivDuration(rest, absl::Seconds(1), &rest));
  out.set_nanos(static_cast<int32_t>(absl::IDivDuration(rest, absl::Nanoseconds(1), &rest)));
  return out;
}

google::protobuf::Timestamp ToProto(absl::Time time) {
  time = std::clamp(time, absl::FromUnixSeconds(kMinTimestampSeconds), absl::FromUnixSeconds(kMaxTimestampSeconds));
  google::protobuf::Timestamp out;
  out.set_seconds(absl::ToUnixSeconds(time));  // rounds down, so that nanoseconds are never negative
  out.set_nanos(static_cast<int32_t>((time - absl::FromUnixSeconds(out.seconds())) / absl::Nanoseconds(1)));
  return out;
}

std::optional<absl::Duration> FromProto(const google::protobuf::Duration& duration) {
  const int64_t seconds = duration.seconds();
  const int32_t nanos = duration.nanos();
  if (seconds > kMaxDurationSeconds || seconds < -kMaxDurationSeconds) return std::nullopt;
  if (nanos >= kNanosPerSecond || nanos <= -kNanosPerSecond) return std::nullopt;
  if ((seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0)) return std::nullopt;
  return absl::Seconds(seconds) + absl::Nanoseconds(nanos);
}

std::optional<absl::Time> FromProto(const google::protobuf::Timestamp& time) {
  if (time.seconds() > kMaxTimestampSeconds || time.seconds() < kMinTimestampSeconds) return std::nullopt;
  if (time.nanos() < 0 || time.nanos() >= kNanosPerSecond) return std::nullopt;
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

}  // namespace latentd::rpc
