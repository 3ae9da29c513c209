#include "client/cpp/error.h"

#include "client/cpp/proto_time.h"
#include "gtest/gtest.h"

namespace latentd::client {
namespace {

google::rpc::Status Refusal(const std::string& message) {
  google::rpc::BadRequest bad;
  bad.add_field_violations()->set_field("spec.steps");
  bad.mutable_field_violations(0)->set_description("must be at most 1000");
  bad.add_field_violations()->set_field("spec.width");
  bad.mutable_field_violations(1)->set_description("must be a multiple of 8");
  google::rpc::ErrorInfo info;
  info.set_reason("INVALID_REQUEST");
  google::rpc::RetryInfo retry;
  *retry.mutable_retry_delay() = ToProto(absl::Milliseconds(1500));
  google::rpc::Status status;
  status.set_code(3);
  status.set_message(message);
  status.add_details()->PackFrom(info);
  status.add_details()->PackFrom(bad);
  status.add_details()->PackFrom(retry);
  return status;
}

TEST(ErrorTest, EveryViolationHasALineInTheMessage) {
  const absl::Status status = ToStatus(Refusal("the request is not valid"));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "the request is not valid\n  spec.steps: must be at most 1000\n  spec.width: must be a multiple of 8");
}

TEST(ErrorTest, ViolationsThatTheMessageListsAlreadyAreNotRepeated) {
  const absl::Status status = ToStatus(Refusal("spec.steps: must be at most 1000"));
  EXPECT_EQ(status.message(), "spec.steps: must be at most 1000\n  spec.width: must be a multiple of 8");
}

TEST(ErrorTest, AViolationWithoutAFieldIsALineOfItsOwn) {
  google::rpc::BadRequest bad;
  bad.add_field_violations()->set_description("and 3 more");
  google::rpc::Status error;
  error.set_code(3);
  error.set_message("no");
  error.add_details()->PackFrom(bad);
  EXPECT_EQ(ToStatus(error).message(), "no\n  and 3 more");
}

TEST(ErrorTest, AnExhaustedQuotaHasALineInTheMessage) {
  google::rpc::QuotaFailure quota;
  quota.add_violations()->set_subject("tenant:a");
  quota.mutable_violations(0)->set_description("8 jobs at once");
  google::rpc::Status error;
  error.set_code(8);
  error.set_message("too much");
  error.add_details()->PackFrom(quota);
  EXPECT_EQ(ToStatus(error).message(), "too much\n  tenant:a: 8 jobs at once");
}

TEST(ErrorTest, DetailsCanBeRead) {
  const absl::Status status = Annotate(ToStatus(Refusal("no")), "jobs/1");
  EXPECT_EQ(GetRpcStatus(status)->message(), "no");
  const ErrorDetails details = GetErrorDetails(status);
  EXPECT_EQ(details.info.reason(), "INVALID_REQUEST");
  EXPECT_EQ(details.bad_request.field_violations_size(), 2);
  EXPECT_EQ(details.retry_after, absl::Milliseconds(1500));
  EXPECT_TRUE(status.message().substr(0, 10) == "jobs/1: no");
}

TEST(ErrorTest, AnErrorWithoutDetailsHasNone) {
  const absl::Status status = absl::InternalError("x");
  EXPECT_FALSE(GetRpcStatus(status).has_value());
  EXPECT_EQ(GetErrorDetails(status).info.reason(), "");
  EXPECT_FALSE(GetErrorDetails(status).retry_after.has_value());
}

TEST(ErrorTest, AnErrorIsNeverOk) {
  google::rpc::Status status;
  EXPECT_EQ(ToStatus(status).code(), absl::StatusCode::kUnknown);
  status.set_code(99);
  EXPECT_EQ(ToStatus(status).code(), absl::StatusCode::kUnknown);
}

TEST(ProtoTimeTest, DurationsGoBothWays) {
  for (const absl::Duration duration :
       {absl::ZeroDuration(), absl::Milliseconds(1500), -absl::Milliseconds(1500), absl::Hours(48)}) {
    EXPECT_EQ(ToDuration(ToProto(duration)), duration);
  }
  EXPECT_EQ(ToProto(absl::InfiniteDuration()).seconds(), 315'576'000'000);
}

}  // namespace
}  // namespace latentd::client
