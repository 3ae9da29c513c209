#include "server/engine/conditioning_cache.h"

#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

namespace latentd::engine {
namespace {

model::Conditioning OfFloats(int64_t count) { return {.states = at::zeros({count}), .cut_text = {}}; }

TEST(ConditioningCache, FindsWhatWasInserted) {
  ConditioningCache cache(1000);
  EXPECT_EQ(cache.Find({1, "a", 0}), nullptr);
  const auto inserted = cache.Insert({1, "a", 0}, OfFloats(10));
  EXPECT_EQ(cache.Find({1, "a", 0}), inserted);
}

TEST(ConditioningCache, SecondTextsAndSidesCount) {
  ConditioningCache cache(1000);
  const ConditioningKey key{.load = 1, .text = "a", .text_2 = "b"};
  cache.Insert(key, OfFloats(1));
  EXPECT_NE(cache.Find(key), nullptr);
  EXPECT_EQ(cache.Find({.load = 1, .text = "a", .text_2 = "c"}), nullptr);
  EXPECT_EQ(cache.Find({.load = 1, .text = "a", .text_2 = "b", .negative = true}), nullptr);
}

TEST(ConditioningCache, WhatDecidesTheStatesAllCounts) {
  ConditioningCache cache(1000);
  cache.Insert({1, "a", 0}, OfFloats(1));
  EXPECT_EQ(cache.Find({2, "a", 0}), nullptr);
  EXPECT_EQ(cache.Find({1, "b", 0}), nullptr);
  EXPECT_EQ(cache.Find({1, "a", 1}), nullptr);
  EXPECT_EQ(cache.Find({.load = 1, .text = "a", .literal = true}), nullptr);
}

TEST(ConditioningCache, TheLeastRecentlyUsedLeavesWhenTheBoundIsReached) {
  ConditioningCache cache(100);
  cache.Insert({1, "a", 0}, OfFloats(10));
  cache.Insert({1, "b", 0}, OfFloats(10));
  cache.Find({1, "a", 0});
  cache.Insert({1, "c", 0}, OfFloats(10));
  EXPECT_NE(cache.Find({1, "a", 0}), nullptr);
  EXPECT_EQ(cache.Find({1, "b", 0}), nullptr);
  EXPECT_LE(cache.bytes(), 100);
}

TEST(ConditioningCache, WhatIsTooLargeIsGivenBackButNotKept) {
  ConditioningCache cache(10);
  EXPECT_NE(cache.Insert({1, "a", 0}, OfFloats(10)), nullptr);
  EXPECT_EQ(cache.bytes(), 0);
}

}  // namespace
}  // namespace latentd::engine
