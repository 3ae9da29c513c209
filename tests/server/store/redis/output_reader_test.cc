#include "server/store/redis/output_reader.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>

#include "server/core/system_clock.h"
#include "tests/server/store/redis/redis_server.h"

namespace latentd::store {
namespace {

class OutputReaderTest : public testing::Test {
 protected:
  OutputReaderTest() {
    EXPECT_TRUE(pool_.Run({"SET", "key", "bytes"}).ok());
    reader_ = std::make_unique<OutputReader>(OutputReader::Options{.pool = &pool_, .clock = &clock_});
  }

  std::future<absl::StatusOr<core::Blob>> Read(const std::string& key) {
    auto promise = std::make_shared<std::promise<absl::StatusOr<core::Blob>>>();
    auto read = promise->get_future();
    id_ = reader_->Read(key, [promise](absl::StatusOr<core::Blob> bytes) { promise->set_value(std::move(bytes)); });
    return read;
  }

  RedisServer server_;
  core::SystemClock clock_;
  RedisPool pool_{{.address = server_.address(), .timeout = absl::Milliseconds(200)}, &clock_};
  std::unique_ptr<OutputReader> reader_;
  OutputReader::Id id_ = 0;
};

TEST_F(OutputReaderTest, ThoseWhoReadTheSameShareIt) {
  const core::Blob one = *Read("key").get();
  EXPECT_EQ(*one, "bytes");
  EXPECT_EQ(*Read("key").get(), one);
  EXPECT_EQ(*Read("none").get(), nullptr);
}

TEST_F(OutputReaderTest, WhatNobodyHoldsIsReadAnew) {
  EXPECT_EQ(**Read("key").get(), "bytes");
  ASSERT_TRUE(pool_.Run({"SET", "key", "others"}).ok());
  EXPECT_EQ(**Read("key").get(), "others");
}

TEST_F(OutputReaderTest, ItIsReadWhenRedisIsBack) {
  server_.Kill();
  auto read = Read("key");
  EXPECT_EQ(read.wait_for(std::chrono::milliseconds(300)), std::future_status::timeout);
  server_.Start();
  const auto bytes = read.get();
  EXPECT_TRUE(bytes.ok()) << bytes.status();
}

TEST_F(OutputReaderTest, WhatIsWithdrawnIsNotToldEvenIfItWasUnderWay) {
  server_.Pause();
  auto read = Read("key");
  EXPECT_EQ(read.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  reader_->Withdraw(id_);
  server_.Resume();
  EXPECT_EQ(**Read("key").get(), "bytes");
  EXPECT_EQ(read.wait_for(std::chrono::seconds(0)), std::future_status::ready) << "its promise was given up";
  EXPECT_THROW((void)read.get(), std::future_error);
}

}  // namespace
}  // namespace latentd::store
