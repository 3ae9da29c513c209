#include "server/store/equal_shares.h"

#include <gtest/gtest.h>

namespace latentd::store {
namespace {

TEST(EqualSharesTest, RoomIsWhatNobodyHolds) {
  EqualShares shares(100, 1);
  shares.Add("a", 60);
  shares.Add("b", 30);
  EXPECT_EQ(shares.total(), 90);
  EXPECT_TRUE(shares.HasRoom(10));
  EXPECT_FALSE(shares.HasRoom(11));
  shares.Add("a", -60);
  EXPECT_TRUE(shares.HasRoom(70));
}

TEST(EqualSharesTest, OnesOwnAlwaysMakesWay) {
  EqualShares shares(100, 1);
  shares.Add("a", 100);
  EXPECT_TRUE(shares.GivesWay("a", "a", 100));
}

TEST(EqualSharesTest, WhoHoldsMoreThanAnEqualShareGivesWay) {
  EqualShares shares(100, 1);
  shares.Add("a", 51);
  shares.Add("b", 49);
  EXPECT_TRUE(shares.GivesWay("a", "b", 1));
  shares.Add("a", -1);
  EXPECT_FALSE(shares.GivesWay("a", "b", 1)) << "50 of 100, and there are two";
  EXPECT_TRUE(shares.GivesWay("a", "c", 1)) << "the one who comes makes three";
}

TEST(EqualSharesTest, NobodyGivesWayForOneWhoWouldHoldMoreThanThat) {
  EqualShares shares(100, 1);
  shares.Add("a", 60);
  shares.Add("b", 40);
  EXPECT_TRUE(shares.GivesWay("a", "b", 10));
  EXPECT_FALSE(shares.GivesWay("a", "b", 11));
  EXPECT_FALSE(shares.GivesWay("b", "a", 1));
}

TEST(EqualSharesTest, EverybodyMayHaveTheLeastThatIsOfUse) {
  EqualShares shares(100, 40);
  for (const char* tenant : {"a", "b", "c", "d"}) shares.Add(tenant, 25);
  EXPECT_TRUE(shares.GivesWay("a", "e", 40)) << "though the equal share of five is 20";
  EXPECT_FALSE(shares.GivesWay("a", "e", 41));
}

TEST(EqualSharesTest, WhoHoldsNothingIsNotCounted) {
  EqualShares shares(100, 1);
  shares.Add("a", 50);
  shares.Add("b", 50);
  EXPECT_TRUE(shares.GivesWay("a", "c", 1));
  shares.Add("b", -50);
  EXPECT_FALSE(shares.GivesWay("a", "c", 1));
}

}  // namespace
}  // namespace latentd::store
