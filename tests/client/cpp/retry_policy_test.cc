#include "client/cpp/retry_policy.h"

#include "client/cpp/error.h"
#include "client/cpp/proto_time.h"
#include "gtest/gtest.h"

namespace latentd::client {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

absl::Status Lost() { return absl::UnavailableError("connection refused"); }

absl::Status Busy(absl::Duration retry_after, absl::StatusCode code = absl::StatusCode::kUnavailable) {
  google::rpc::RetryInfo retry;
  *retry.mutable_retry_delay() = ToProto(retry_after);
  google::rpc::Status status;
  status.set_code(static_cast<int>(code));
  status.set_message("the queue is full");
  status.add_details()->PackFrom(retry);
  return ToStatus(status);
}

RetryPolicy WithRandom(double random, const RetryOptions& options = {}) {
  return RetryPolicy(options, [random] { return random; });
}

TEST(RetryPolicyTest, PausesGrowToTheirLimit) {
  RetryPolicy policy = WithRandom(0, {.max_backoff = absl::Seconds(1)});
  EXPECT_EQ(policy.NextDelay(Lost(), kStart), absl::Milliseconds(200));
  EXPECT_EQ(policy.NextDelay(Lost(), kStart), absl::Milliseconds(400));
  EXPECT_EQ(policy.NextDelay(Lost(), kStart), absl::Milliseconds(800));
  EXPECT_EQ(policy.NextDelay(Lost(), kStart), absl::Seconds(1));
}

TEST(RetryPolicyTest, ChanceShortensAPauseByUpToAHalf) {
  EXPECT_EQ(WithRandom(1).NextDelay(Lost(), kStart), absl::Milliseconds(100));
}

TEST(RetryPolicyTest, AServerThatNeverAnsweredIsGivenUpSoonerThanOneThatDid) {
  RetryPolicy fresh = WithRandom(0);
  ASSERT_TRUE(fresh.NextDelay(Lost(), kStart).has_value());
  EXPECT_FALSE(fresh.NextDelay(Lost(), kStart + absl::Seconds(10)).has_value());

  RetryPolicy known = WithRandom(0);
  known.Succeeded();
  ASSERT_TRUE(known.NextDelay(Lost(), kStart).has_value());
  EXPECT_TRUE(known.NextDelay(Lost(), kStart + absl::Seconds(10)).has_value());
  EXPECT_FALSE(known.NextDelay(Lost(), kStart + absl::Minutes(2)).has_value());
}

TEST(RetryPolicyTest, AnAnswerStartsTheCountAnew) {
  RetryPolicy policy = WithRandom(0);
  ASSERT_TRUE(policy.NextDelay(Lost(), kStart).has_value());
  policy.Succeeded();
  EXPECT_EQ(policy.NextDelay(Lost(), kStart + absl::Hours(1)), absl::Milliseconds(200));
}

TEST(RetryPolicyTest, WaitsAsLongAsTheServerAsks) {
  EXPECT_EQ(WithRandom(0).NextDelay(Busy(absl::Seconds(7)), kStart), absl::Seconds(7));
  EXPECT_EQ(WithRandom(1).NextDelay(Busy(absl::Seconds(10)), kStart), absl::Seconds(12));
}

TEST(RetryPolicyTest, RetryInfoOfZeroDoesNotSpin) {
  EXPECT_EQ(WithRandom(0).NextDelay(Busy(absl::ZeroDuration()), kStart), absl::Milliseconds(200));
}

TEST(RetryPolicyTest, RetryInfoMakesAnyCodeATransientOne) {
  EXPECT_EQ(WithRandom(0).NextDelay(Busy(absl::Seconds(3), absl::StatusCode::kResourceExhausted), kStart),
            absl::Seconds(3));
}

TEST(RetryPolicyTest, ABusyServerIsGivenUpAfterItsOwnBound) {
  RetryPolicy policy = WithRandom(0, {.busy_for = absl::Seconds(20)});
  EXPECT_TRUE(policy.NextDelay(Busy(absl::Seconds(8)), kStart).has_value());
  EXPECT_TRUE(policy.NextDelay(Busy(absl::Seconds(8)), kStart + absl::Seconds(8)).has_value());
  EXPECT_FALSE(policy.NextDelay(Busy(absl::Seconds(8)), kStart + absl::Seconds(16)).has_value());
}

TEST(RetryPolicyTest, ANegativePushbackMeansNever) {
  EXPECT_FALSE(WithRandom(0).NextDelay(Busy(absl::Milliseconds(-1)), kStart).has_value());
}

TEST(RetryPolicyTest, OtherErrorsAreFinal) {
  EXPECT_FALSE(WithRandom(0).NextDelay(absl::InvalidArgumentError("steps"), kStart).has_value());
  EXPECT_FALSE(WithRandom(0).NextDelay(absl::InternalError("boom"), kStart).has_value());
}

}  // namespace
}  // namespace latentd::client
