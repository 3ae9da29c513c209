#include "server/auth/tenants.h"

#include <gmock/gmock.h>

#include <string>

namespace latentd::auth {
namespace {

using testing::HasSubstr;

std::string Problem(const std::string& text) { return std::string(Tenants::Parse(text).status().message()); }

TEST(TenantsTest, EachHasItsLimitsAndOthersTheDefault) {
  const auto tenants = Tenants::Parse(R"(
default: {max_jobs: 3}
tenants:
  shop: {weight: 2.5, max_jobs: 100, max_queued_jobs: 50, pixel_steps_per_minute: 2000000000000}
  free: {}
)");
  ASSERT_TRUE(tenants.ok()) << tenants.status();
  const core::TenantLimits shop = tenants->LimitsOf("shop");
  EXPECT_EQ(shop.weight, 2.5);
  EXPECT_EQ(shop.max_jobs, 100);
  EXPECT_EQ(shop.max_queued_jobs, 50);
  EXPECT_EQ(shop.pixel_steps_per_minute, 2'000'000'000'000);
  EXPECT_EQ(tenants->LimitsOf("other").max_jobs, 3);
  EXPECT_EQ(tenants->LimitsOf("other").weight, 1);
  EXPECT_EQ(tenants->LimitsOf("free").max_jobs, 0) << "the default is not mixed in";
}

TEST(TenantsTest, AnEmptyFileLimitsNothing) {
  const auto tenants = Tenants::Parse("");
  ASSERT_TRUE(tenants.ok());
  EXPECT_EQ(tenants->LimitsOf("shop").max_jobs, 0);
}

TEST(TenantsTest, WhatIsWrongIsNamedWithItsLine) {
  EXPECT_THAT(Problem("7"), HasSubstr("line 1: the file has the parts"));
  EXPECT_THAT(Problem("shop: {}"), HasSubstr("default and tenants"));
  EXPECT_THAT(Problem("tenants: 7"), HasSubstr("default and tenants"));
  EXPECT_THAT(Problem("default: 7"), HasSubstr("limits are lines"));
  EXPECT_THAT(Problem("tenants:\n  a/b: {}"), HasSubstr("line 2: a tenant must be"));
  EXPECT_THAT(Problem("tenants:\n  a: {max_job: 1}"), HasSubstr("line 2: unknown limit 'max_job'"));
  for (const char* value : {"0", "-1", "1.5", "many", "[1]", "99999999999"}) {
    EXPECT_THAT(Problem(std::string("default: {max_jobs: ") + value + "}"), HasSubstr("max_jobs must be")) << value;
  }
  for (const char* value : {"0", "-1", "nan", "inf", "1e9", "x"}) {
    EXPECT_THAT(Problem(std::string("default: {weight: ") + value + "}"), HasSubstr("weight must be")) << value;
  }
}

}  // namespace
}  // namespace latentd::auth
