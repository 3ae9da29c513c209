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
  if (idle_.empty()) return std::make_unique<RedisConnection>(options_);
  std::unique_ptr<RedisConnection> connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

void RedisPool::Return(std::unique_ptr<RedisConnection> connection) {
  core::MutexLock lock(mutex_);
  if (!connection->connected()) idle_.clear();  // made before Redis went away, they are broken as well
  idle_.push_back(std::move(connection));
}

}  // namespace latentd::store
