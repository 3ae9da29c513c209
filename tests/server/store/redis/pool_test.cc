#include "server/store/redis/pool.h"

#include <gmock/gmock.h>

#include <string>

#include "server/core/errors.h"
#include "tests/server/core/fake_clock.h"
#include "tests/server/store/redis/redis_server.h"

namespace latentd::store {
namespace {

class RedisPoolTest : public testing::Test {
 protected:
  std::string ReasonOfPing() { return core::GetErrorDetails(pool_.Run({"PING"}).status()).reason; }

  RedisServer server_;
  core::FakeClock clock_;
  RedisPool pool_{{.address = server_.address(), .timeout = absl::Milliseconds(200)}, &clock_};
};

TEST_F(RedisPoolTest, WhileRedisIsSilentOneCallerAtATimeWaitsForIt) {
  ASSERT_EQ(ReasonOfPing(), "");
  server_.Pause();
  EXPECT_EQ(ReasonOfPing(), "JOB_STORE_NO_ANSWER");
  EXPECT_EQ(ReasonOfPing(), "JOB_STORE_UNAVAILABLE") << "nothing was sent";
  const auto replies = pool_.RunAll({{"PING"}, {"PING"}});
  ASSERT_EQ(replies.size(), 2u);
  EXPECT_EQ(replies[1].status().code(), absl::StatusCode::kUnavailable);
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(ReasonOfPing(), "JOB_STORE_NO_ANSWER") << "somebody has to ask";
  EXPECT_EQ(ReasonOfPing(), "JOB_STORE_UNAVAILABLE");
  server_.Resume();
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(ReasonOfPing(), "");
  EXPECT_EQ(ReasonOfPing(), "");
}

TEST_F(RedisPoolTest, ARedisThatIsGoneSaysSoItself) {
  ASSERT_EQ(ReasonOfPing(), "");
  server_.Kill();
  EXPECT_EQ(ReasonOfPing(), "JOB_STORE_UNAVAILABLE");
  server_.Start();
  EXPECT_EQ(ReasonOfPing(), "") << "at once";
}

}  // namespace
}  // namespace latentd::store
