#include "client/cli/addresses.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace latentd::cli {
namespace {

using testing::AnyOf;
using testing::Contains;
using testing::ElementsAre;

TEST(NameOfTest, IsAHostAndItsPort) {
  for (const std::string host : {"localhost", "latentd-replicas.default.svc", "7up"}) {
    const std::optional<HostPort> name = NameOf(host + ":50051");
    ASSERT_TRUE(name.has_value()) << host;
    EXPECT_EQ(name->host, host);
    EXPECT_EQ(name->port, "50051");
  }
}

TEST(NameOfTest, AddressesAndOtherTargetsAreNone) {
  for (const char* server :
       {"127.0.0.1:50051", "[::1]:50051", "::1", "unix:/run/latentd", "unix:latentd", "unix:///run/latentd",
        "unix-abstract:latentd", "dns:///a:1", "dns:a:1", "ipv4:1.2.3.4:5", "a", ":1", "a:"}) {
    EXPECT_FALSE(NameOf(server).has_value()) << server;
  }
}

TEST(ResolveTest, GivesAddressesWithThePort) {
  const absl::StatusOr<std::vector<std::string>> addresses = Resolve({"localhost", "50051"});
  ASSERT_TRUE(addresses.ok()) << addresses.status();
  EXPECT_THAT(*addresses, Contains(AnyOf("127.0.0.1:50051", "[::1]:50051")));
}

TEST(ResolveTest, WhatNobodyCanBeCalledIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(Resolve({"no such host", "1"}).status()));
}

TEST(TargetsOfTest, AreTheAddressesOfSeveralServersSorted) {
  EXPECT_THAT(TargetsOf("a:1", {"10.0.0.3:1", "10.0.0.1:1"}), ElementsAre("10.0.0.1:1", "10.0.0.3:1"));
  EXPECT_THAT(TargetsOf("a:1", {"[fd00::2]:1", "[fd00::1]:1"}), ElementsAre("[fd00::1]:1", "[fd00::2]:1"));
}

TEST(TargetsOfTest, AreTheNameOfOneServerOrNone) {
  EXPECT_THAT(TargetsOf("a:1", {}), ElementsAre("a:1"));
  EXPECT_THAT(TargetsOf("a:1", {"10.0.0.1:1"}), ElementsAre("a:1"));
  EXPECT_THAT(TargetsOf("a:1", {"[::1]:1", "127.0.0.1:1"}), ElementsAre("a:1"));
}

TEST(TargetsOfTest, AreOfTheFamilyThatHasMoreOrIsFirst) {
  EXPECT_THAT(TargetsOf("a:1", {"[fd00::1]:1", "10.0.0.1:1", "10.0.0.2:1"}), ElementsAre("10.0.0.1:1", "10.0.0.2:1"));
  EXPECT_THAT(TargetsOf("a:1", {"[fd00::1]:1", "10.0.0.1:1", "[fd00::2]:1", "10.0.0.2:1"}),
              ElementsAre("[fd00::1]:1", "[fd00::2]:1"));
}

}  // namespace
}  // namespace latentd::cli
