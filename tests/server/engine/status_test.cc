#include "server/engine/status.h"

#include <gmock/gmock.h>

#include "model/errors.h"
#include "model/samplers/sampler.h"
#include "server/core/errors.h"

namespace latentd::engine {
namespace {

TEST(GuardedChoice, WhatTheSamplerDoesNotTakeIsTheRequestsFault) {
  const absl::Status status =
      GuardedChoice([] { model::MakeSampler({}, {.kind = model::SamplerKind::kEuler, .steps = 0, .eta = 0.5}); });
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const core::ErrorDetails details = core::GetErrorDetails(status);
  EXPECT_EQ(details.reason, "INVALID_FIELDS");
  ASSERT_EQ(details.violations.size(), 2u);
  EXPECT_EQ(details.violations[0].field, "spec.steps");
  EXPECT_EQ(details.violations[1].field, "spec.eta");
  EXPECT_EQ(details.violations[1].description, "only ddim and tcd have it, not euler");
}

TEST(GuardedChoice, WhatIsWrongWithTheModelStaysTheModels) {
  const absl::Status status = GuardedChoice([] {
    throw model::ModelError("sampler", {"steps: too many", "beta_schedule: is no schedule"});
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(core::GetErrorDetails(status).reason, "MODEL_BROKEN");
}

TEST(GuardedChoice, OkIsOk) {
  EXPECT_TRUE(GuardedChoice([] {}).ok());
}

}  // namespace
}  // namespace latentd::engine
