#include "server/rpc/page_size.h"

#include <gtest/gtest.h>

namespace latentd::rpc {
namespace {

TEST(PageSizeTest, HasADefaultAndABound) {
  EXPECT_EQ(PageSize(0), 50);
  EXPECT_EQ(PageSize(7), 7);
  EXPECT_EQ(PageSize(1000), 1000);
  EXPECT_EQ(PageSize(100'000), 1000);
}

TEST(PageSizeTest, NegativeOnesAreToldByName) {
  EXPECT_FALSE(CheckPageSize(0).has_value());
  EXPECT_EQ(CheckPageSize(-1)->field, "page_size");
}

}  // namespace
}  // namespace latentd::rpc
