#include "server/store/redis/address.h"

#include <gmock/gmock.h>

#include <cstdio>
#include <fstream>
#include <string>

namespace latentd::store {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(RedisAddressTest, WhatIsNotSaidIsTheUsual) {
  const auto address = ParseRedisAddress("redis://cache");
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(address->host, "cache");
  EXPECT_EQ(address->port, 6379);
  EXPECT_EQ(address->database, 0);
  EXPECT_EQ(address->password, "");
}

TEST(RedisAddressTest, EveryPartIsRead) {
  const auto address = ParseRedisAddress("redis://latentd:p%40ss%2Fword@[::1]:6380/3");
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(address->user, "latentd");
  EXPECT_EQ(address->password, "p@ss/word");
  EXPECT_EQ(address->host, "::1");
  EXPECT_EQ(address->port, 6380);
  EXPECT_EQ(address->database, 3);
  EXPECT_EQ(ParseRedisAddress("redis://:secret@h/")->password, "secret");
  EXPECT_EQ(ParseRedisAddress("redis://user@h")->user, "user");
  EXPECT_EQ(ParseRedisAddress("redis://user@h")->password, "");
}

TEST(RedisAddressTest, WhatIsWrongIsSaidWithoutThePassword) {
  for (const char* url : {"http://h", "redis://", "redis://h:port", "redis://h:0", "redis://h:65536", "redis://h/x",
                          "redis://h/-1", "redis://u:%zz@h", "redis://[::1", "redis://[::1]x"}) {
    EXPECT_EQ(ParseRedisAddress(url).status().code(), absl::StatusCode::kInvalidArgument) << url;
  }
  EXPECT_THAT(std::string(ParseRedisAddress("redis://u:hush@h:x").status().message()), Not(HasSubstr("hush")));
}

TEST(RedisAddressTest, APasswordThatCannotBeReadIsAnError) {
  const std::string folder = testing::TempDir();
  const std::string file = folder + "/redis-address-password";
  EXPECT_EQ(*PasswordOf({.password = "p"}), "p");
  EXPECT_EQ(*PasswordOf({}), "");
  for (const std::string& path : {folder, file}) {
    EXPECT_THAT(std::string(PasswordOf({.password_file = path}).status().message()), HasSubstr(path));
  }
  std::ofstream(file).flush();
  EXPECT_FALSE(PasswordOf({.password_file = file}).ok());
  std::ofstream(file) << "with a blank \n";
  EXPECT_EQ(*PasswordOf({.password_file = file}), "with a blank ");
  std::remove(file.c_str());
}

}  // namespace
}  // namespace latentd::store
