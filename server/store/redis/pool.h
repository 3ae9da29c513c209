#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/core/clock.h"
#include "server/core/mutex.h"
#include "server/store/redis/connection.h"

namespace latentd::store {

// As many connections as there are callers at a time; those that are not needed are kept for the next. Blocks while
// Redis works, at most for the connection's timeouts. Once Redis was silent for that long, one caller at a time and in
// an interval finds out whether it still is; the others are told UNAVAILABLE (JOB_STORE_UNAVAILABLE) at once: were all
// to wait, there would soon be no thread left for anything else. Thread-safe.
class RedisPool {
 public:
  // REQUIRES: the clock outlives the pool.
  RedisPool(RedisConnection::Options options, const core::Clock* clock) : options_(std::move(options)), clock_(clock) {}

  absl::StatusOr<RedisReply> Run(const RedisCommand& command);
  std::vector<absl::StatusOr<RedisReply>> RunAll(const std::vector<RedisCommand>& commands);
  // Waits also while Redis is silent.
  absl::StatusOr<RedisReply> RunAnyway(const RedisCommand& command);

 private:
  std::vector<absl::StatusOr<RedisReply>> RunOn(std::unique_ptr<RedisConnection> connection,
                                                const std::vector<RedisCommand>& commands);
  // Whether it is silent, and not for this caller to ask.
  bool IsClosed();
  std::unique_ptr<RedisConnection> Take();
  void Return(std::unique_ptr<RedisConnection> connection);

  const RedisConnection::Options options_;
  const core::Clock* const clock_;
  core::Mutex mutex_;
  std::vector<std::unique_ptr<RedisConnection>> idle_ ABSL_GUARDED_BY(mutex_);
  bool silent_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time ask_again_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();  // while it is silent
};

}  // namespace latentd::store
