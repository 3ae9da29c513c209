#include "server/store/redis/pool.h"

#include <utility>

namespace latentd::store {

absl::StatusOr<RedisReply> RedisPool::Run(const RedisCommand& command) { return std::move(RunAll({command})[0]); }

std::vector<absl::StatusOr<RedisReply>> RedisPool::RunAll(const std::vector<RedisCommand>& commands) {
  std::unique_ptr<RedisConnection> connection = Take();
  auto replies = connection->RunAll(commands);
  Return(std::move(connection));
  return replies;
}

std::unique_ptr<RedisConnection> RedisPool::Take() {
  core::MutexLock lock(mutex_);
  while (!idle_.empty()) {
    std::unique_ptr<RedisConnection> connection = std::move(idle_.back());
    idle_.pop_back();
    if (connection->connected() && connection->LooksAlive()) return connection;
  }
  return std::make_unique<RedisConnection>(options_);
}

void RedisPool::Return(std::unique_ptr<RedisConnection> connection) {
  core::MutexLock lock(mutex_);
  if (connection->connected()) idle_.push_back(std::move(connection));
}

}  // namespace latentd::store
