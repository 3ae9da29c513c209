#include "server/config/values.h"

#include <gtest/gtest.h>

namespace latentd::config {
namespace {

TEST(ParseSize, CountsIecUnitsIn1024AndSiUnitsIn1000) {
  EXPECT_EQ(*ParseSize("8GiB"), int64_t{8} << 30);
  EXPECT_EQ(*ParseSize("1.5KiB"), 1536);
  EXPECT_EQ(*ParseSize("512MB"), 512000000);
  EXPECT_EQ(*ParseSize("2kB"), 2000);
  EXPECT_EQ(*ParseSize("12B"), 12);
  EXPECT_EQ(*ParseSize("4096"), 4096);
  EXPECT_EQ(*ParseSize("0"), 0);
}

TEST(ParseSize, RefusesWhatIsNotASize) {
  for (const char* text : {"", "GiB", "-1", "8Gigs", "8 G", "nan", "inf", "1e300GiB", "9223372036854775808"}) {
    EXPECT_FALSE(ParseSize(text).ok()) << text;
  }
}

TEST(ParseDuration, TakesGoStyleDurations) {
  EXPECT_EQ(*ParseDuration("1h30m"), absl::Minutes(90));
  EXPECT_EQ(*ParseDuration("500ms"), absl::Milliseconds(500));
}

TEST(ParseDuration, RefusesWhatIsNotAPositiveDuration) {
  for (const char* text : {"", "1", "0", "-1h", "inf", "1 day"}) EXPECT_FALSE(ParseDuration(text).ok()) << text;
}

TEST(ParseInt, KeepsToItsRange) {
  EXPECT_EQ(*ParseInt("7", 0, 8), 7);
  for (const char* text : {"9", "-1", "", "3.5", "x", "99999999999"}) EXPECT_FALSE(ParseInt(text, 0, 8).ok()) << text;
}

TEST(ParseAddress, WantsAnAddressAndAPort) {
  for (const char* text : {"127.0.0.1:50051", "[::1]:1", "localhost:0"}) EXPECT_EQ(*ParseAddress(text), text);
  for (const char* text : {"", "50051", ":50051", "localhost", "localhost:x", "localhost:65536", "localhost:-1"}) {
    EXPECT_FALSE(ParseAddress(text).ok()) << text;
  }
}

TEST(Nearest, FindsSlipsOfTheHandOnly) {
  const std::vector<std::string> names = {"listen", "max-batch-rows", "threads"};
  EXPECT_EQ(Nearest("thread", names), "threads");
  EXPECT_EQ(Nearest("max_batch_rows", names), "max-batch-rows");
  EXPECT_EQ(Nearest("lsiten", names), "listen");
  EXPECT_EQ(Nearest("temperature", names), "");
}

}  // namespace
}  // namespace latentd::config
