#include "server/rpc/status.h"

#include <gmock/gmock.h>
#include <google/rpc/error_details.pb.h>
#include <gtest/gtest.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "server/core/errors.h"

namespace latentd::rpc {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

template <typename Detail>
std::optional<Detail> DetailOf(const google::rpc::Status& status) {
  for (const auto& any : status.details()) {
    Detail detail;
    if (any.UnpackTo(&detail)) return detail;
  }
  return std::nullopt;
}

TEST(ToRpcStatus, OkIsEmpty) { EXPECT_EQ(ToRpcStatus(absl::OkStatus()).ByteSizeLong(), 0u); }

TEST(ToRpcStatus, CodesAreTheSameNumbers) {
  for (int code = 1; code <= 16; ++code) {
    const google::rpc::Status status = ToRpcStatus(absl::Status(static_cast<absl::StatusCode>(code), "why"));
    EXPECT_EQ(status.code(), code);
    EXPECT_EQ(status.message(), "why");
  }
}

TEST(ToRpcStatus, EveryErrorHasAReasonOfOurDomain) {
  const auto bare = DetailOf<google::rpc::ErrorInfo>(ToRpcStatus(absl::InternalError("x")));
  ASSERT_TRUE(bare.has_value());
  EXPECT_EQ(bare->reason(), "INTERNAL");
  EXPECT_EQ(bare->domain(), "latentd");
}

TEST(ToRpcStatus, ResourcesHaveTheirFullNames) {
  const auto name_of = [](const std::string& type, const std::string& name) {
    return DetailOf<google::rpc::ResourceInfo>(
               ToRpcStatus(core::MakeError(absl::StatusCode::kNotFound, "gone",
                                           {.reason = "R", .resource_type = type, .resource_name = name})))
        ->resource_name();
  };
  EXPECT_EQ(name_of("model", "pictograms"), "models/pictograms");
  EXPECT_EQ(name_of("job", "jobs/1"), "jobs/1");
  EXPECT_EQ(name_of("output", "jobs/1/outputs/0"), "jobs/1/outputs/0");
}

TEST(ToRpcStatus, CarriesEveryDetail) {
  const google::rpc::Status status = ToRpcStatus(core::MakeError(absl::StatusCode::kResourceExhausted, "too much",
                                                                 {.reason = "R",
                                                                  .metadata = {{"k", "v"}},
                                                                  .retry_after = absl::Milliseconds(1500),
                                                                  .resource_type = "adapter",
                                                                  .resource_name = "style",
                                                                  .quota = "bytes",
                                                                  .violations = {{"spec.steps", "must be less"}}}));
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(status)->reason(), "R");
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(status)->metadata().at("k"), "v");
  EXPECT_EQ(DetailOf<google::rpc::RetryInfo>(status)->retry_delay().seconds(), 1);
  EXPECT_EQ(DetailOf<google::rpc::RetryInfo>(status)->retry_delay().nanos(), 500'000'000);
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(status)->resource_type(), "latentd.io/Adapter");
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(status)->resource_name(), "adapters/style");
  EXPECT_EQ(DetailOf<google::rpc::QuotaFailure>(status)->violations(0).subject(), "bytes");
  EXPECT_EQ(DetailOf<google::rpc::BadRequest>(status)->field_violations(0).field(), "spec.steps");
  EXPECT_FALSE(DetailOf<google::rpc::DebugInfo>(status).has_value());
}

TEST(ToGrpcStatus, CutsWhatWouldNotFitInAClientsMetadata) {
  core::ErrorDetails details{.reason = "R"};
  for (int i = 0; i < 500; ++i) details.violations.push_back({absl::StrCat("field", i), std::string(1000, 'x')});
  std::string message;
  for (int i = 0; i < 5000; ++i) message += "\xC3\xA9";
  const absl::Status error = core::MakeError(absl::StatusCode::kInvalidArgument, message, details);
  grpc::CallbackServerContext context;
  google::rpc::Status status;
  ASSERT_TRUE(status.ParseFromString(ToGrpcStatus(error, context).error_details()));
  EXPECT_LT(3 * status.message().size() + status.ByteSizeLong() * 4 / 3, 8000u);
  EXPECT_THAT(status.message(), EndsWith(" …"));
  const auto bad_request = DetailOf<google::rpc::BadRequest>(status);
  const int shown = bad_request->field_violations_size() - 1;
  EXPECT_EQ(bad_request->field_violations(shown).description(), absl::StrCat("and ", 500 - shown, " more"));
  // In a message there is room for all that is wrong with a model's folder.
  EXPECT_EQ(ToRpcStatus(error).message(), message);
}

TEST(ToRpcStatus, EscapesTextsThatAreNotUtf8) {
  const google::rpc::Status status = ToRpcStatus(absl::InternalError("bad \xFF byte"));
  EXPECT_THAT(status.message(), HasSubstr("bad "));
  google::rpc::Status copy;
  EXPECT_TRUE(copy.ParseFromString(status.SerializeAsString()));
}

}  // namespace
}  // namespace latentd::rpc
