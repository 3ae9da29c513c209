#include "server/rpc/address.h"

#include <gtest/gtest.h>

namespace latentd::rpc {
namespace {

TEST(Address, IsTakenApart) {
  EXPECT_EQ(ParseAddress("127.0.0.1:50051")->host, "127.0.0.1");
  EXPECT_EQ(ParseAddress("127.0.0.1:50051")->port, 50051);
  EXPECT_EQ(ParseAddress("[::1]:0")->host, "::1");
  EXPECT_EQ(ParseAddress("localhost:1")->host, "localhost");
}

TEST(Address, OnlyThisMachineIsLoopback) {
  for (const char* text : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1"}) {
    EXPECT_TRUE(IsLoopback(*ParseAddress(text))) << text;
  }
  for (const char* text : {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "128.0.0.1:1", "localhost.example:1", "[fe80::1]:1"}) {
    EXPECT_FALSE(IsLoopback(*ParseAddress(text))) << text;
  }
}

}  // namespace
}  // namespace latentd::rpc
