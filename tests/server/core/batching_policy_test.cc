#include "server/core/batching_policy.h"

#include <gtest/gtest.h>

namespace latentd::core {
namespace {

const BatchKey kKey{.model = "m", .latent_height = 8, .latent_width = 8};
const BatchKey kOther{.model = "m", .latent_height = 16, .latent_width = 8};

TEST(BatchingPolicyTest, EachStageHasItsBound) {
  const BatchingPolicy policy({.max_batch_rows = 5, .max_lanes = 7, .max_encode_rows = 6, .max_decode_rows = 2});
  EXPECT_EQ(policy.MaxRows(kKey, Stage::kEncode), 6);
  EXPECT_EQ(policy.MaxRows(kKey, Stage::kPredict), 5);
  EXPECT_EQ(policy.MaxRows(kKey, Stage::kDecode), 2);
  EXPECT_EQ(policy.max_lanes(), 7);
}

TEST(BatchingPolicyTest, ShrinkingConcernsOneStageOfOneKey) {
  BatchingPolicy policy({.max_batch_rows = 8, .max_decode_rows = 4});
  policy.Shrink(kKey, Stage::kPredict, 3);
  EXPECT_EQ(policy.MaxRows(kKey, Stage::kPredict), 3);
  EXPECT_EQ(policy.MaxRows(kKey, Stage::kDecode), 4);
  EXPECT_EQ(policy.MaxRows(kOther, Stage::kPredict), 8);
}

TEST(BatchingPolicyTest, ShrinkingNeverRaisesAndLeavesOneRow) {
  BatchingPolicy policy({.max_batch_rows = 8});
  policy.Shrink(kKey, Stage::kPredict, 3);
  policy.Shrink(kKey, Stage::kPredict, 6);
  EXPECT_EQ(policy.MaxRows(kKey, Stage::kPredict), 3);
  policy.Shrink(kKey, Stage::kPredict, 0);
  EXPECT_EQ(policy.MaxRows(kKey, Stage::kPredict), 1);
}

TEST(BatchingPolicyTest, RecoversOneRowAtATimeUpToTheBound) {
  BatchingPolicy policy({.max_batch_rows = 4});
  policy.Shrink(kKey, Stage::kPredict, 2);
  for (int run = 0; run < BatchingPolicy::kCleanRunsPerRow - 1; ++run) policy.OnCleanRun(kKey, Stage::kPredict);
  EXPECT_EQ(policy.MaxRows(kKey, Stage::kPredict), 2);
  policy.OnCleanRun(kKey, Stage::kPredict);
  EXPECT_EQ(policy.MaxRows(kKey, Stage::kPredict), 3);
  for (int run = 0; run < 10 * BatchingPolicy::kCleanRunsPerRow; ++run) policy.OnCleanRun(kKey, Stage::kPredict);
  EXPECT_EQ(policy.MaxRows(kKey, Stage::kPredict), 4);
}

TEST(BatchingPolicyTest, ShrinkingAgainStartsTheCountAnew) {
  BatchingPolicy policy({.max_batch_rows = 8});
  policy.Shrink(kKey, Stage::kPredict, 4);
  for (int run = 0; run < BatchingPolicy::kCleanRunsPerRow - 1; ++run) policy.OnCleanRun(kKey, Stage::kPredict);
  policy.Shrink(kKey, Stage::kPredict, 2);
  policy.OnCleanRun(kKey, Stage::kPredict);
  EXPECT_EQ(policy.MaxRows(kKey, Stage::kPredict), 2);
}

}  // namespace
}  // namespace latentd::core
