#include "server/openai/errors.h"

#include <gtest/gtest.h>

#include "server/core/errors.h"

namespace latentd::openai {
namespace {

TEST(ForCaller, FieldsHaveTheNamesOfParameters) {
  const absl::Status status = ForCaller(core::BadRequest({{"spec.width", "must be a multiple of 8"},
                                                          {"spec.inpaint.mask.data", "is empty"},
                                                          {"spec.inpaint.mask", "is small"},
                                                          {"spec.num_images", "must be less"},
                                                          {"options.labels", "are long"},
                                                          {"spec.sampler", "is unknown"}}));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "size must be a multiple of 8 (and 5 more violations)");
  const auto details = core::GetErrorDetails(status);
  EXPECT_EQ(details.reason, "INVALID_FIELDS");
  const char* const wanted[] = {"size", "mask", "mask", "n", "user", "spec.sampler"};
  ASSERT_EQ(details.violations.size(), std::size(wanted));
  for (size_t i = 0; i < std::size(wanted); ++i) EXPECT_EQ(details.violations[i].field, wanted[i]);
}

TEST(ForCaller, AJobThatTheServerGaveUpMayBeTriedAgain) {
  EXPECT_EQ(ForCaller(core::JobCancelledError("jobs/1", "DRAINED")).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ForCaller(core::JobCancelledError("jobs/1", "CALLER")).code(), absl::StatusCode::kCancelled);
}

TEST(ForCaller, LeavesOthersAsTheyAre) {
  EXPECT_TRUE(ForCaller(absl::OkStatus()).ok());
  const absl::Status status = absl::NotFoundError("spec.model is in no field");
  EXPECT_EQ(ForCaller(status), status);
}

TEST(ErrorObject, HasFourMembers) {
  EXPECT_EQ(ErrorObject(core::BadRequest({{"n", "must be less"}, {"size", "must be more"}})),
            nlohmann::json::parse(
                R"json({"message": "n must be less (and 1 more violations)", "type": "invalid_request_error",
                                      "param": "n", "code": "invalid_fields"})json"));
  EXPECT_EQ(ErrorObject(absl::InternalError("no")),
            nlohmann::json::parse(R"({"message": "no", "type": "server_error", "param": null, "code": null})"));
}

TEST(ErrorObject, HasTheTypeThatTheProxyGivesTheStatusOfHttp) {
  const auto type = [](absl::StatusCode code) { return ErrorObject(absl::Status(code, "x"))["type"]; };
  for (const auto code :
       {absl::StatusCode::kInvalidArgument, absl::StatusCode::kNotFound, absl::StatusCode::kFailedPrecondition,
        absl::StatusCode::kUnauthenticated, absl::StatusCode::kPermissionDenied, absl::StatusCode::kCancelled}) {
    EXPECT_EQ(type(code), "invalid_request_error");
  }
  EXPECT_EQ(type(absl::StatusCode::kResourceExhausted), "rate_limit_error");
  for (const auto code :
       {absl::StatusCode::kUnavailable, absl::StatusCode::kInternal, absl::StatusCode::kDeadlineExceeded}) {
    EXPECT_EQ(type(code), "server_error");
  }
}

}  // namespace
}  // namespace latentd::openai
