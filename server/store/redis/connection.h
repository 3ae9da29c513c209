#pragma once

#include <hiredis/hiredis.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/store/redis/address.h"

namespace latentd::store {

// What a Redis answers: a text, a number, a list of such, or nothing.
class RedisReply {
 public:
  bool is_nil() const { return kind_ == Kind::kNil; }
  bool is_list() const { return kind_ == Kind::kList; }
  const std::string& text() const& { return text_; }  // also of a number
  std::string text() && { return std::move(text_); }
  int64_t number() const;  // also of a text that is one; 0 of others
  const std::vector<RedisReply>& list() const& { return list_; }
  std::vector<RedisReply> list() && { return std::move(list_); }

 private:
  friend class RedisConnection;
  enum class Kind { kNil, kText, kNumber, kList };

  Kind kind_ = Kind::kNil;
  std::string text_;
  std::vector<RedisReply> list_;
};

using RedisCommand = std::vector<std::string>;

// UNAVAILABLE (reason JOB_STORE_UNAVAILABLE): nothing happened.
absl::Status CannotServe(absl::string_view why);

// One connection to a Redis, made when it is needed and made anew after it broke. Not thread-safe.
//
//   RedisConnection redis({.address = *ParseRedisAddress("redis://127.0.0.1:6379/0")});
//   auto reply = redis.Run({"GET", "key"});
//
// Errors: UNAVAILABLE (reason JOB_STORE_UNAVAILABLE): it cannot be reached, or does not let this one in; nothing
// happened. UNAVAILABLE (JOB_STORE_NO_ANSWER): it has not answered; whether the command was carried out is not known.
// RESOURCE_EXHAUSTED (JOB_STORE_FULL): its memory is used up; nothing happened. INTERNAL: it refuses the command.
class RedisConnection {
 public:
  struct Options {
    RedisAddress address;
    absl::Duration connect_timeout = absl::Seconds(1);
    absl::Duration timeout = absl::Seconds(2);  // of an answer; infinite: for a subscriber
    std::vector<RedisCommand> greeting{};       // sent first on each new connection; all must be carried out
  };

  explicit RedisConnection(Options options) : options_(std::move(options)) {}

  absl::StatusOr<RedisReply> Run(const RedisCommand& command);

  // All are sent before the first answer is waited for. As many answers; an error of the connection is that of all the
  // rest.
  std::vector<absl::StatusOr<RedisReply>> RunAll(const std::vector<RedisCommand>& commands);

  // Of a subscriber: sends without waiting for an answer; takes what has come, waiting for the first of it (`fd` is
  // readable when there is something; -1: there is no connection); and gives that one by one. REQUIRES: connected.
  absl::Status Send(const RedisCommand& command);
  absl::Status Receive();
  absl::StatusOr<std::optional<RedisReply>> Next();
  int fd() const { return context_ == nullptr ? -1 : context_->fd; }

  absl::Status Connect();
  void Close() { context_.reset(); }
  bool connected() const { return context_ != nullptr; }
  // The last command was answered with an error because nothing came within a timeout.
  bool was_silent() const { return was_silent_; }
  // Its other end is there, as far as can be seen without asking. REQUIRES: connected, and nothing is under way.
  bool LooksAlive() const;

 private:
  struct Free {
    void operator()(redisContext* context) const { redisFree(context); }
  };

  absl::Status Append(const RedisCommand& command);
  absl::StatusOr<RedisReply> Await();
  absl::Status Greet();
  absl::Status Broken(absl::string_view reason, absl::string_view what);
  static absl::StatusOr<RedisReply> Take(const redisReply& reply);
  static absl::Status Refused(std::string_view error);

  const Options options_;
  std::unique_ptr<redisContext, Free> context_;
  bool was_silent_ = false;
};

}  // namespace latentd::store
