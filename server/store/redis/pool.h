#pragma once

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "server/core/mutex.h"
#include "server/store/redis/connection.h"

namespace latentd::store {

// As many connections as there are callers at a time; those that are not needed are kept for the next. Blocks while
// Redis works, at most for the connection's timeouts. Thread-safe.
class RedisPool {
 public:
  explicit RedisPool(RedisConnection::Options options) : options_(std::move(options)) {}

  absl::StatusOr<RedisReply> Run(const RedisCommand& command);
  std::vector<absl::StatusOr<RedisReply>> RunAll(const std::vector<RedisCommand>& commands);

 private:
  std::unique_ptr<RedisConnection> Take();
  void Return(std::unique_ptr<RedisConnection> connection);

  const RedisConnection::Options options_;
  core::Mutex mutex_;
  std::vector<std::unique_ptr<RedisConnection>> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace latentd::store
