// Tenants in the store: quotas that refuse, and jobs that tell whose they are.

#include <gmock/gmock.h>

#include <string>

#include "tests/server/store/store_fixture.h"

namespace latentd::store {
namespace {

using ::testing::SizeIs;

class TenantsInStoreTest : public testing::Test {
 protected:
  absl::StatusOr<core::Job> Create(const std::string& tenant) {
    return f_.store.Create(core::TestRequest(core::TestFields()), {.tenant = tenant});
  }

  int limits_asked_for_ = 0;
  StoreFixture f_{{.tenant_limits = [this](const std::string& tenant) {
    ++limits_asked_for_;
    if (tenant == "metered") return core::TenantLimits{.pixel_steps_per_minute = 1'000'000'000};
    return tenant == "small" ? core::TenantLimits{.max_jobs = 1, .weight = 3} : core::TenantLimits();
  }}};
};

TEST_F(TenantsInStoreTest, AQuotaRefusesItsOwnTenantAlone) {
  const auto first = Create("small");
  ASSERT_TRUE(first.ok());
  const auto second = Create("small");
  EXPECT_EQ(second.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(f_.ReasonOf(second.status()), "QUOTA_EXCEEDED");
  EXPECT_TRUE(Create("large").ok());

  f_.store.Claim(9);
  f_.store.OnStarted(first->name, {});
  EXPECT_FALSE(Create("small").ok()) << "it runs";
  f_.store.OnCompleted(first->name, {});
  EXPECT_TRUE(Create("small").ok());
  EXPECT_EQ(limits_asked_for_, 5) << "each time anew: they may change";
}

TEST_F(TenantsInStoreTest, CancelledAndExpiredJobsMakeRoom) {
  const auto cancelled = Create("small");
  f_.store.Cancel(cancelled->name, "CALLER").IgnoreError();
  const auto expired = Create("small");
  ASSERT_TRUE(expired.ok());
  f_.clock.Advance(expired->request->timeout());
  EXPECT_EQ(f_.State(expired->name), core::JobState::kFailed);
  EXPECT_TRUE(Create("small").ok());
}

TEST_F(TenantsInStoreTest, WorkThatWasUnderWayAtACancelCounts) {
  const auto job = Create("metered");
  ASSERT_TRUE(job.ok()) << job.status();
  f_.store.Claim(9);
  f_.store.OnStarted(job->name, {});
  f_.store.Cancel(job->name, "CALLER").IgnoreError();
  f_.store.OnUsage(job->name, {.pixel_evaluations = 1'000'000'000});
  const auto next = Create("metered");
  EXPECT_EQ(f_.ReasonOf(next.status()), "QUOTA_EXCEEDED");
}

TEST_F(TenantsInStoreTest, TheEngineIsToldWhoseAJobIs) {
  ASSERT_TRUE(Create("small").ok());
  const auto claimed = f_.store.Claim(9);
  ASSERT_THAT(claimed, SizeIs(1));
  EXPECT_EQ(claimed[0].tenant, "small");
  EXPECT_EQ(claimed[0].weight, 3);
}

TEST_F(TenantsInStoreTest, ListsAndRequestIdsAreTheTenantsOwn) {
  const auto request = core::TestRequest(core::TestFields());
  const core::CreateOptions mine{.tenant = "a", .request_id = "id", .request_fingerprint = "1"};
  const core::CreateOptions other{.tenant = "b", .request_id = "id", .request_fingerprint = "2"};
  const std::string first = f_.store.Create(request, mine)->name;
  EXPECT_EQ(f_.store.Create(request, mine)->name, first);
  const std::string second = f_.store.Create(request, other)->name;
  EXPECT_NE(second, first);
  EXPECT_EQ(f_.store.TenantOf(first).value(), "a");
  EXPECT_EQ(f_.store.Get(second)->tenant, "b");
  EXPECT_EQ(f_.store.TenantOf("jobs/none").status().code(), absl::StatusCode::kNotFound);
  const auto page = f_.store.List({.tenant = "a"});
  ASSERT_THAT(page->jobs, SizeIs(1));
  EXPECT_EQ(page->jobs[0].name, first);
}

}  // namespace
}  // namespace latentd::store
