#include "server/store/tenant_quotas.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "server/core/errors.h"

namespace latentd::store {
namespace {

const absl::Duration kUntilRoom = absl::Seconds(3);

class TenantQuotasTest : public testing::Test {
 protected:
  absl::Status Check(const core::TenantLimits& limits, int64_t steps = 0, const std::string& tenant = "shop") {
    return quotas_.Check(tenant, limits, steps, now_, kUntilRoom);
  }

  // Whether a job of so many steps is let in; it is then there.
  bool Admit(const core::TenantLimits& limits, int64_t steps = 0, const std::string& tenant = "shop") {
    const bool fits = Check(limits, steps, tenant).ok();
    if (fits) quotas_.OnAdmitted(tenant, steps);
    return fits;
  }

  absl::Time now_ = absl::FromUnixSeconds(1000);
  TenantQuotas quotas_;
};

TEST_F(TenantQuotasTest, WithoutLimitsEverythingIsLetIn) {
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(Admit({}, int64_t{1} << 50));
}

TEST_F(TenantQuotasTest, JobsAtOnceAreBounded) {
  const core::TenantLimits limits{.max_jobs = 2};
  EXPECT_TRUE(Admit(limits));
  EXPECT_TRUE(Admit(limits));
  quotas_.OnStarted("shop");
  const absl::Status refused = Check(limits);
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  const core::ErrorDetails details = core::GetErrorDetails(refused);
  EXPECT_EQ(details.reason, "QUOTA_EXCEEDED");
  EXPECT_EQ(details.quota, "jobs at once");
  EXPECT_EQ(details.metadata.at("limit"), "2");
  EXPECT_EQ(details.retry_after, kUntilRoom);
  quotas_.OnEnded("shop", /*started=*/true, 0, 0);
  EXPECT_TRUE(Admit(limits));
}

TEST_F(TenantQuotasTest, QueuedJobsAreBoundedByThemselves) {
  const core::TenantLimits limits{.max_queued_jobs = 1};
  EXPECT_TRUE(Admit(limits));
  EXPECT_EQ(core::GetErrorDetails(Check(limits)).quota, "queued jobs");
  quotas_.OnStarted("shop");
  EXPECT_TRUE(Admit(limits));
  quotas_.OnEnded("shop", /*started=*/false, 0, 0);
  EXPECT_TRUE(Admit(limits));
}

TEST_F(TenantQuotasTest, StepsOfAMinuteAreBoundedAndTheWaitIsExact) {
  const core::TenantLimits limits{.pixel_steps_per_minute = 600};
  EXPECT_TRUE(Admit(limits, 500));
  EXPECT_TRUE(Admit(limits, 100));
  const absl::Status refused = Check(limits, 200);
  EXPECT_EQ(core::GetErrorDetails(refused).quota, "pixel-steps per minute");
  EXPECT_EQ(core::GetErrorDetails(refused).retry_after, absl::Seconds(20));
  now_ += absl::Seconds(19);
  EXPECT_FALSE(Admit(limits, 200));
  now_ += absl::Seconds(1);
  EXPECT_TRUE(Admit(limits, 200));
}

TEST_F(TenantQuotasTest, OnlyAMinuteCanBeSavedUp) {
  const core::TenantLimits limits{.pixel_steps_per_minute = 600};
  now_ += absl::Hours(5);
  EXPECT_TRUE(Admit(limits, 600));
  EXPECT_FALSE(Admit(limits, 1));
}

TEST_F(TenantQuotasTest, AJobOfMoreThanAMinuteIsLetInWhenNothingWasTakenLately) {
  const core::TenantLimits limits{.pixel_steps_per_minute = 600};
  EXPECT_TRUE(Admit(limits, 1));
  EXPECT_FALSE(Admit(limits, 1200));
  now_ += absl::Minutes(1);
  EXPECT_TRUE(Admit(limits, 1200));
  now_ += absl::Minutes(1);
  EXPECT_EQ(core::GetErrorDetails(Check(limits, 600)).retry_after, absl::Minutes(1));
}

TEST_F(TenantQuotasTest, WhatWasNotUsedIsGivenBackAndWhatWasUsedMoreIsTaken) {
  const core::TenantLimits limits{.pixel_steps_per_minute = 600};
  EXPECT_TRUE(Admit(limits, 600));
  quotas_.OnEnded("shop", /*started=*/false, 600, 0);
  EXPECT_TRUE(Admit(limits, 300)) << "cancelled before it took anything";
  quotas_.OnEnded("shop", /*started=*/false, 300, 600);
  EXPECT_FALSE(Admit(limits, 1));
}

TEST_F(TenantQuotasTest, ALimitThatChangesHoldsFromThenOn) {
  EXPECT_TRUE(Admit({.pixel_steps_per_minute = 600}, 600));
  EXPECT_FALSE(Admit({.pixel_steps_per_minute = 600}, 300));
  EXPECT_TRUE(Admit({.pixel_steps_per_minute = 1200}, 300));
  EXPECT_TRUE(Admit({}, 1'000'000));
  EXPECT_TRUE(Admit({.pixel_steps_per_minute = 600}, 600)) << "what was taken without a limit does not count";
}

TEST_F(TenantQuotasTest, TenantsHaveTheirOwn) {
  EXPECT_TRUE(Admit({.max_jobs = 1}, 0, "a"));
  EXPECT_FALSE(Admit({.max_jobs = 1}, 0, "a"));
  EXPECT_TRUE(Admit({.max_jobs = 1}, 0, "b"));
}

TEST_F(TenantQuotasTest, TenantsThatAreGoneAreForgotten) {
  const core::TenantLimits limits{.pixel_steps_per_minute = 600};
  for (int i = 0; i < 100'000; ++i) {
    const std::string tenant = absl::StrCat("t", i);
    ASSERT_TRUE(Admit(limits, 600, tenant));
    quotas_.OnEnded(tenant, /*started=*/false, 600, 600);
    now_ += absl::Seconds(1);
  }
  EXPECT_LT(quotas_.tenants(), 2000u);
  EXPECT_FALSE(Admit(limits, 600, "t99999")) << "one that owes is not";
}

}  // namespace
}  // namespace latentd::store
