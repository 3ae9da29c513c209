#include "server/engine/conditioning_cache.h"

#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

namespace latentd::engine {
namespace {

model::Conditioning OfFloats(int64_t count) { return {.states = at::zeros({count}), .cut_text = {}}; }

TEST(ConditioningCache, FindsWhatWasInserted) {
  ConditioningCache cache(1000);
  EXPECT_EQ(cache.Find({"model", "a", 0}), nullptr);
  const auto inserted = cache.Insert({"model", "a", 0}, OfFloats(10));
  EXPECT_EQ(cache.Find({"model", "a", 0}), inserted);
}

TEST(ConditioningCache, ModelTextAndClipSkipAllCount) {
  ConditioningCache cache(1000);
  cache.Insert({"model", "a", 0}, OfFloats(1));
  EXPECT_EQ(cache.Find({"other", "a", 0}), nullptr);
  EXPECT_EQ(cache.Find({"model", "b", 0}), nullptr);
  EXPECT_EQ(cache.Find({"model", "a", 1}), nullptr);
}

TEST(ConditioningCache, TheLeastRecentlyUsedLeavesWhenTheBoundIsReached) {
  ConditioningCache cache(100);
  cache.Insert({"m", "a", 0}, OfFloats(10));
  cache.Insert({"m", "b", 0}, OfFloats(10));
  cache.Find({"m", "a", 0});
  cache.Insert({"m", "c", 0}, OfFloats(10));
  EXPECT_NE(cache.Find({"m", "a", 0}), nullptr);
  EXPECT_EQ(cache.Find({"m", "b", 0}), nullptr);
  EXPECT_LE(cache.bytes(), 100);
}

TEST(ConditioningCache, WhatIsTooLargeIsGivenBackButNotKept) {
  ConditioningCache cache(10);
  EXPECT_NE(cache.Insert({"m", "a", 0}, OfFloats(10)), nullptr);
  EXPECT_EQ(cache.bytes(), 0);
}

TEST(ConditioningCache, DroppingAModelForgetsItsPromptsOnly) {
  ConditioningCache cache(1000);
  cache.Insert({"m", "a", 0}, OfFloats(1));
  cache.Insert({"n", "a", 0}, OfFloats(1));
  cache.DropModel("m");
  EXPECT_EQ(cache.Find({"m", "a", 0}), nullptr);
  EXPECT_NE(cache.Find({"n", "a", 0}), nullptr);
}

}  // namespace
}  // namespace latentd::engine
