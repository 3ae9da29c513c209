#include "server/store/redis/pool.h"

#include <utility>

namespace latentd::store {
namespace {

constexpr absl::Duration kAskAgain = absl::Milliseconds(500);

}  // namespace

absl::StatusOr<RedisReply> RedisPool::Run(const RedisCommand& command) { return std::move(RunAll({command})[0]); }

std::vector<absl::StatusOr<RedisReply>> RedisPool::RunAll(const std::vector<RedisCommand>& commands) {
  if (IsClosed()) return {commands.size(), CannotServe("it does not answer")};
  return RunOn(Take(), commands);
}

absl::StatusOr<RedisReply> RedisPool::RunAnyway(const RedisCommand& command) {
  return std::move(RunOn(Take(), {command})[0]);
}

std::vector<absl::StatusOr<RedisReply>> RedisPool::RunOn(std::unique_ptr<RedisConnection> connection,
                                                         const std::vector<RedisCommand>& commands) {
  auto replies = connection->RunAll(commands);
  Return(std::move(connection));
  return replies;
}

bool RedisPool::IsClosed() {
  core::MutexLock lock(mutex_);
  if (!silent_) return false;
  const absl::Time now = clock_->Now();
  if (now < ask_again_) return true;
  ask_again_ = now + options_.connect_timeout + options_.timeout + kAskAgain;  // by then this caller knows
  return false;
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
  silent_ = connection->was_silent();
  if (silent_) {
    ask_again_ = clock_->Now() + kAskAgain;
    idle_.clear();  // the others lead to the same silence, while a new one may find somebody
  }
  if (connection->connected()) idle_.push_back(std::move(connection));
}

}  // namespace latentd::store
