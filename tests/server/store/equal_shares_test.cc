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

TEST(EqualSharesTest, WhoIsAtWorkKeepsTheLeastThatIsOfUse) {
  EqualShares shares(100, 40);
  shares.Add("a", 60);
  shares.Add("b", 20);
  shares.Add("c", 20);
  EXPECT_TRUE(shares.StopsWork("a", "b", 20)) << "a holds more than 40, b will not";
  EXPECT_FALSE(shares.StopsWork("a", "b", 21));
  EXPECT_FALSE(shares.StopsWork("a", "a", 1)) << "nobody stops his own";
  shares.Add("a", -20);
  EXPECT_FALSE(shares.StopsWork("a", "b", 20)) << "though the equal share of three is 33";
}

TEST(EqualSharesTest, WhoHoldsMoreThanTheOthersIsKnown) {
  EqualShares shares(100, 40);
  shares.Add("a", 60);
  EXPECT_FALSE(shares.HoldsMore("a"));
  shares.Add("b", 20);
  EXPECT_TRUE(shares.HoldsMore("a"));
  EXPECT_FALSE(shares.HoldsMore("b"));
  EXPECT_FALSE(shares.HoldsMore("c"));
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
