#include "server/store/redis/connection.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "server/core/errors.h"
#include "tests/server/store/redis/redis_server.h"

namespace latentd::store {
namespace {

std::string ReasonOf(const absl::Status& status) { return core::GetErrorDetails(status).reason; }

class RedisConnectionTest : public testing::Test {
 protected:
  RedisServer server_;
  RedisConnection redis_{{.address = server_.address(), .timeout = absl::Milliseconds(200)}};
};

TEST_F(RedisConnectionTest, AnswersAreWhatTheyAre) {
  const std::string binary("a\0b\r\n", 5);
  ASSERT_TRUE(redis_.Run({"SET", "k", binary}).ok());
  EXPECT_EQ(redis_.Run({"GET", "k"})->text(), binary);
  EXPECT_TRUE(redis_.Run({"GET", "none"})->is_nil());
  EXPECT_EQ(redis_.Run({"INCRBY", "n", "41"})->number(), 41);
  ASSERT_TRUE(redis_.Run({"RPUSH", "l", "a", "", "c"}).ok());
  const auto list = redis_.Run({"LRANGE", "l", "0", "-1"});
  ASSERT_EQ(list->list().size(), 3u);
  EXPECT_EQ(list->list()[2].text(), "c");
}

TEST_F(RedisConnectionTest, SeveralCommandsAreAnsweredInTheirOrder) {
  const auto replies = redis_.RunAll({{"SET", "k", "1"}, {"NOSUCH"}, {"INCR", "k"}});
  ASSERT_EQ(replies.size(), 3u);
  EXPECT_TRUE(replies[0].ok());
  EXPECT_EQ(replies[1].status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(replies[2]->number(), 2) << "one that is refused is in nobody's way";
}

TEST_F(RedisConnectionTest, ARedisThatIsGoneIsToldAndFoundAgain) {
  ASSERT_TRUE(redis_.Run({"SET", "k", "kept"}).ok());
  server_.Kill();
  const absl::Status gone = redis_.Run({"GET", "k"}).status();
  EXPECT_EQ(gone.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(gone), "JOB_STORE_NO_ANSWER") << "it may have been carried out";
  EXPECT_FALSE(redis_.connected());
  EXPECT_EQ(ReasonOf(redis_.Run({"GET", "k"}).status()), "JOB_STORE_UNAVAILABLE") << "it was not even sent";
  server_.Start();
  EXPECT_EQ(redis_.Run({"GET", "k"})->text(), "kept");
}

TEST_F(RedisConnectionTest, ARedisThatDoesNotAnswerIsGivenUp) {
  ASSERT_TRUE(redis_.Run({"PING"}).ok());
  server_.Pause();
  EXPECT_EQ(ReasonOf(redis_.Run({"GET", "k"}).status()), "JOB_STORE_NO_ANSWER");
  server_.Resume();
  // The late answer is not taken for another's.
  EXPECT_EQ(redis_.Run({"ECHO", "mine"})->text(), "mine");
}

TEST_F(RedisConnectionTest, ARedisThatIsFullIsToldSo) {
  ASSERT_TRUE(redis_.Run({"CONFIG", "SET", "maxmemory", "1"}).ok());
  const absl::Status full = redis_.Run({"SET", "k", "v"}).status();
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(full), "JOB_STORE_FULL");
  EXPECT_TRUE(redis_.connected());
}

TEST_F(RedisConnectionTest, PasswordsAndDatabasesAreUsed) {
  ASSERT_TRUE(redis_.Run({"CONFIG", "SET", "requirepass", "s"}).ok());
  RedisAddress address = server_.address();
  address.database = 2;
  EXPECT_FALSE(RedisConnection({.address = address}).Run({"PING"}).ok());
  address.password = "s";
  RedisConnection second({.address = address});
  ASSERT_TRUE(second.Run({"SET", "k", "of 2"}).ok());
  EXPECT_TRUE(redis_.Run({"GET", "k"})->is_nil());
}

TEST_F(RedisConnectionTest, APasswordInAFileIsReadForEachConnection) {
  const std::string file = testing::TempDir() + "/redis-password";
  const auto write = [&](const std::string& password) { std::ofstream(file) << password; };
  RedisAddress address = server_.address();
  address.password_file = file;
  ASSERT_TRUE(redis_.Run({"CONFIG", "SET", "requirepass", "old"}).ok());
  write("old\n");
  RedisConnection redis({.address = address});
  ASSERT_TRUE(redis.Run({"PING"}).ok());
  ASSERT_TRUE(redis_.Run({"CONFIG", "SET", "requirepass", "new"}).ok());
  redis.Close();
  const absl::Status refused = redis.Run({"PING"}).status();
  EXPECT_EQ(ReasonOf(refused), "JOB_STORE_UNAVAILABLE");
  write("new\n");
  EXPECT_TRUE(redis.Run({"PING"}).ok());
  redis.Close();
  std::filesystem::remove(file);
  const absl::Status unread = redis.Run({"PING"}).status();
  EXPECT_EQ(ReasonOf(unread), "JOB_STORE_UNAVAILABLE");
  EXPECT_THAT(std::string(unread.message()), testing::HasSubstr(file));
}

TEST_F(RedisConnectionTest, TheGreetingComesFirstOnEachConnection) {
  RedisConnection redis({.address = server_.address(), .greeting = {{"INCR", "greetings"}}});
  EXPECT_EQ(redis.Run({"GET", "greetings"})->text(), "1");
  redis.Close();
  EXPECT_EQ(redis.Run({"GET", "greetings"})->text(), "2");
}

TEST_F(RedisConnectionTest, ASubscriberReadsWhatComes) {
  RedisConnection subscriber({.address = server_.address(), .timeout = absl::InfiniteDuration()});
  ASSERT_TRUE(subscriber.Connect().ok());
  ASSERT_TRUE(subscriber.Send({"SUBSCRIBE", "c"}).ok());
  ASSERT_TRUE(subscriber.Receive().ok());
  EXPECT_EQ(subscriber.Next().value()->list().at(0).text(), "subscribe");
  EXPECT_FALSE(subscriber.Next().value().has_value());
  ASSERT_TRUE(redis_.Run({"PUBLISH", "c", "hello"}).ok());
  ASSERT_TRUE(subscriber.Receive().ok());
  EXPECT_EQ(subscriber.Next().value()->list().at(2).text(), "hello");
  server_.Kill();
  EXPECT_FALSE(subscriber.Receive().ok());
  EXPECT_FALSE(subscriber.connected());
}

}  // namespace
}  // namespace latentd::store
