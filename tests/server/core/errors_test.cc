#include "server/core/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/cord.h"

namespace latentd::core {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(ErrorsTest, DetailsComeBackAsTheyWentIn) {
  const absl::Status status =
      MakeError(absl::StatusCode::kUnavailable, "full",
                {.reason = "QUEUE_FULL",
                 .metadata = {{"jobs", "7"}, {"empty", ""}},
                 .retry_after = absl::Milliseconds(1500),
                 .resource_type = "job",
                 .resource_name = "jobs/1:2",
                 .quota = "rows",
                 .violations = {{"spec.width", "must be 3:4\n"}, {"spec.prompt", std::string("\0\xff", 2)}}});
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(status.message(), "full");
  const ErrorDetails details = GetErrorDetails(status);
  EXPECT_EQ(details.reason, "QUEUE_FULL");
  EXPECT_THAT(details.metadata, ElementsAre(Pair("empty", ""), Pair("jobs", "7")));
  EXPECT_EQ(details.retry_after, absl::Milliseconds(1500));
  EXPECT_EQ(details.resource_type, "job");
  EXPECT_EQ(details.resource_name, "jobs/1:2");
  EXPECT_EQ(details.quota, "rows");
  ASSERT_EQ(details.violations.size(), 2);
  EXPECT_EQ(details.violations[0].field, "spec.width");
  EXPECT_EQ(details.violations[0].description, "must be 3:4\n");
  EXPECT_EQ(details.violations[1].description, std::string("\0\xff", 2));
}

TEST(ErrorsTest, ABadRequestSaysTheFirstOfItsViolations) {
  const absl::Status one = BadRequest({{"spec.steps", "must not be negative"}});
  EXPECT_EQ(one.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(one.message(), "spec.steps must not be negative");
  EXPECT_EQ(GetErrorDetails(one).reason, "INVALID_FIELDS");
  const absl::Status two = BadRequest({{"a", "is wrong"}, {"b", "is worse"}});
  EXPECT_EQ(two.message(), "a is wrong (and 1 more violations)");
  EXPECT_EQ(GetErrorDetails(two).violations.size(), 2);
}

TEST(ErrorsTest, NoRetryIsNotARetryAtOnce) {
  EXPECT_EQ(GetErrorDetails(MakeError(absl::StatusCode::kInternal, "", {.reason = "X"})).retry_after, std::nullopt);
  EXPECT_EQ(
      GetErrorDetails(MakeError(absl::StatusCode::kInternal, "", {.reason = "X", .retry_after = absl::ZeroDuration()}))
          .retry_after,
      absl::ZeroDuration());
}

TEST(ErrorsTest, StatusWithoutDetailsHasAnEmptyReason) {
  EXPECT_EQ(GetErrorDetails(absl::InternalError("plain")).reason, "");
  EXPECT_EQ(GetErrorDetails(absl::OkStatus()).reason, "");
}

TEST(ErrorsTest, DamagedDetailsAreNoDetails) {
  for (const char* payload : {"", "5:ab", "x:", "99999999999999999999:a", "1:X1:9", "1:X20:99999999999999999999"}) {
    absl::Status status = absl::InternalError("");
    status.SetPayload("latentd/ErrorDetails", absl::Cord(payload));
    EXPECT_EQ(GetErrorDetails(status).reason, "") << payload;
  }
}

}  // namespace
}  // namespace latentd::core
