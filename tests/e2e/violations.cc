#include "tests/e2e/violations.h"

#include <gtest/gtest.h>

#include "client/cpp/error.h"

namespace latentd::e2e {

void ExpectOnlyViolation(const absl::Status& status, const std::string& field) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << field << ": " << status;
  const client::ErrorDetails details = client::GetErrorDetails(status);
  EXPECT_EQ(details.info.domain(), "latentd");
  ASSERT_EQ(details.bad_request.field_violations_size(), 1) << field << ": " << status;
  EXPECT_EQ(details.bad_request.field_violations(0).field(), field);
  EXPECT_FALSE(details.bad_request.field_violations(0).description().empty());
}

}  // namespace latentd::e2e
