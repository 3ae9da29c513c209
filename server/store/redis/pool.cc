#include "server/store/redis/pool.h"

#include <utility>

namespace latentd::store {
namespace {

constexpr absl::Duration kAskAgain = absl::Milliseconds(500);

}  // namespace

absl::StatusOr<RedisReply> RedisPool::Run(const RedisCommand& command) { return std::move(RunAll({command})[0]); }

std::vector<absl::StatusOr<RedisReply>> RedisPool::RunAll(const std::vector<RedisCommand>& commands) {
  std::unique_ptr<RedisConnection> connection = Take();
  if (connection == nullptr) return {commands.size(), CannotServe("it does not answer")};
  auto replies = connection->RunAll(commands);
  Return(std::move(connection));
  return replies;
}

std::unique_ptr<RedisConnection> RedisPool::Take() {
  core::MutexLock lock(mutex_);
  if (silent_) {
    const absl::Time now = clock_->Now();
    if (now < ask_again_) return nullptr;
    ask_again_ = now + options_.connect_timeout + options_.timeout + kAskAgain;  // when this caller knows
  }
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
  if (silent_) ask_again_ = clock_->Now() + kAskAgain;
  if (connection->connected()) idle_.push_back(std::move(connection));
}

}  // namespace latentd::store
