#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/core/scheduler.h"

namespace latentd::core {

// A scheduler, and an engine that does whatever is planned in a set time.
class SchedulerFixture {
 public:
  explicit SchedulerFixture(const SchedulerOptions& options = {}) : scheduler(options) {
    scheduler.SetModelReady("m", true);
  }

  static BatchKey Key(int height = 8, std::string model = "m") {
    return {.model = std::move(model), .latent_height = height, .latent_width = 8};
  }

  // Submits a row now and gives its id.
  RowId Submit(const BatchKey& key, const std::string& job = "job", int evaluations = 3, int priority = 0,
               int lanes = 1) {
    scheduler.Submit({.id = ++last_id,
                      .job = job,
                      .key = key,
                      .priority = priority,
                      .submitted = now,
                      .evaluations = evaluations,
                      .lanes = lanes});
    return last_id;
  }

  // The same, of a tenant.
  RowId SubmitAs(const std::string& tenant, const BatchKey& key, int evaluations, double weight = 1, int lanes = 1,
                 int priority = 0) {
    scheduler.Submit({.id = ++last_id,
                      .job = absl::StrCat(tenant, last_id),
                      .key = key,
                      .priority = priority,
                      .submitted = now,
                      .evaluations = evaluations,
                      .lanes = lanes,
                      .tenant = tenant,
                      .weight = weight});
    tenants[last_id] = tenant;
    return last_id;
  }

  // Plans, takes `tick` of time, and books `result` for every row. The plan has no rows when there was nothing to do.
  Plan Tick(RowResult result = RowResult::kOk) {
    std::optional<Plan> plan = scheduler.NextPlan(now);
    if (!plan.has_value()) return {};
    now += tick;
    scheduler.Update(*plan, now, std::vector<RowResult>(plan->rows.size(), result));
    return *plan;
  }

  // Ticks until a plan is of this stage (and key); gives that plan, or an empty one after `limit` ticks.
  Plan TickUntil(Stage stage, int limit = 1000) {
    for (int i = 0; i < limit; ++i) {
      Plan plan = Tick();
      if (plan.rows.empty() || plan.stage == stage) return plan;
    }
    return {};
  }

  // Ticks while plans are of this key, and gives how long they were; gives up after `limit` ticks.
  absl::Duration RunWhile(const BatchKey& key, int limit = 10'000) {
    const absl::Time start = now;
    for (int i = 0; i < limit; ++i) {
      const std::optional<Plan> plan = scheduler.NextPlan(now);
      if (!plan.has_value() || plan->key != key) return now - start;
      Tick();
    }
    return absl::InfiniteDuration();
  }

  Scheduler scheduler;
  absl::Time now = absl::FromUnixSeconds(1000);
  absl::Duration tick = absl::Milliseconds(10);
  RowId last_id = 0;
  std::map<RowId, std::string> tenants;  // of rows that SubmitAs made
};

}  // namespace latentd::core
