#include "server/log/log.h"

#include <gmock/gmock.h>

#include <string>

namespace latentd::log {
namespace {

using testing::StrEq;

constexpr char kTime[] = "2026-01-02T03:04:05.678Z";

TEST(LogTest, ALineIsOneJsonObject) {
  const Fields fields = {{"job", "jobs/1"}, {"rows", int64_t{3}}, {"seconds", 0.25}};
  EXPECT_THAT(JsonLine(kTime, Level::kWarning, "hello", fields),
              StrEq(R"({"time":"2026-01-02T03:04:05.678Z","level":"warning","message":"hello","job":"jobs/1",)"
                    R"("rows":3,"seconds":0.25})"
                    "\n"));
}

TEST(LogTest, NothingBreaksALine) {
  EXPECT_THAT(JsonLine(kTime, Level::kInfo, "a\nb\"c\\d", {{"k", "\xff\x01"}}),
              StrEq(R"({"time":"2026-01-02T03:04:05.678Z","level":"info","message":"a\nb\"c\\d","k":")"
                    "\xEF\xBF\xBD\\u0001\"}\n"));
}

TEST(LogTest, PeopleGetText) {
  EXPECT_THAT(TextLine(kTime, Level::kError, "hello", {{"job", "jobs/1 \n"}, {"rows", int64_t{3}}}),
              StrEq("2026-01-02T03:04:05.678Z error hello job=\"jobs/1 \\n\" rows=3\n"));
}

}  // namespace
}  // namespace latentd::log
