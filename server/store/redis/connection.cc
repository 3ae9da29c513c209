#include "server/store/redis/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/core/errors.h"

namespace latentd::store {
namespace {

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using OwnedReply = std::unique_ptr<redisReply, FreeReply>;

constexpr char kUnreachable[] = "JOB_STORE_UNAVAILABLE";
constexpr char kSilent[] = "JOB_STORE_NO_ANSWER";
// What was sent and is not even acknowledged after so long goes nowhere: keep-alive does not look while something is on
// its way.
constexpr unsigned int kUnacknowledgedMs = 10'000;

}  // namespace

absl::Status CannotServe(absl::string_view why) {
  return core::MakeError(absl::StatusCode::kUnavailable, absl::StrCat("The store of jobs cannot serve now: ", why),
                         {.reason = kUnreachable, .retry_after = absl::Seconds(1)});
}

int64_t RedisReply::number() const {
  int64_t number = 0;
  return absl::SimpleAtoi(text_, &number) ? number : 0;
}

absl::Status RedisConnection::Connect() {
  if (context_ != nullptr) return absl::OkStatus();
  context_.reset(redisConnectWithTimeout(options_.address.host.c_str(), options_.address.port,
                                         absl::ToTimeval(options_.connect_timeout)));
  if (context_ == nullptr) return Broken(kUnreachable, "there is no memory for a connection");
  if (context_->err != 0) return Broken(kUnreachable, context_->errstr);
  // A greeting is answered at once, or never.
  redisSetTimeout(context_.get(), absl::ToTimeval(std::min(options_.timeout, options_.connect_timeout)));
  redisEnableKeepAlive(context_.get());
  setsockopt(context_->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnacknowledgedMs, sizeof kUnacknowledgedMs);
  absl::Status greeted = Greet();
  if (greeted.ok()) {
    const bool is_patient = options_.timeout == absl::InfiniteDuration();
    redisSetTimeout(context_.get(), is_patient ? timeval{} : absl::ToTimeval(options_.timeout));
    return greeted;
  }
  Close();
  // Nothing of what was to follow has been sent.
  return core::GetErrorDetails(greeted).reason == kUnreachable ? greeted : CannotServe(greeted.message());
}

absl::Status RedisConnection::Greet() {
  std::vector<RedisCommand> greeting;
  const absl::StatusOr<std::string> password = PasswordOf(options_.address);
  if (!password.ok()) return CannotServe(password.status().message());
  if (!password->empty()) {
    greeting.push_back(options_.address.user.empty() ? RedisCommand{"AUTH", *password}
                                                     : RedisCommand{"AUTH", options_.address.user, *password});
  }
  if (options_.address.database != 0) greeting.push_back({"SELECT", absl::StrCat(options_.address.database)});
  greeting.insert(greeting.end(), options_.greeting.begin(), options_.greeting.end());
  absl::Status greeted;
  for (const RedisCommand& command : greeting) {
    if (greeted.ok()) greeted = Append(command);
  }
  for (size_t i = 0; i < greeting.size() && greeted.ok(); ++i) greeted = Await().status();
  return greeted;
}

bool RedisConnection::LooksAlive() const {
  char byte = 0;
  return recv(context_->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

absl::StatusOr<RedisReply> RedisConnection::Run(const RedisCommand& command) { return std::move(RunAll({command})[0]); }

std::vector<absl::StatusOr<RedisReply>> RedisConnection::RunAll(const std::vector<RedisCommand>& commands) {
  std::vector<absl::StatusOr<RedisReply>> replies;
  was_silent_ = false;
  absl::Status status = Connect();
  for (const RedisCommand& command : commands) {
    if (status.ok()) status = Append(command);
  }
  while (replies.size() < commands.size()) {
    if (!status.ok()) {
      replies.emplace_back(status);
      continue;
    }
    replies.push_back(Await());
    // A script that was forgotten comes back with the next greeting, and one that serves no more may have a successor.
    if (absl::IsUnavailable(replies.back().status())) Close();
    if (context_ == nullptr) status = replies.back().status();
  }
  return replies;
}

absl::Status RedisConnection::Send(const RedisCommand& command) {
  if (absl::Status appended = Append(command); !appended.ok()) return appended;
  for (int done = 0; done == 0;) {
    if (redisBufferWrite(context_.get(), &done) == REDIS_ERR) return Broken(kSilent, context_->errstr);
  }
  return absl::OkStatus();
}

absl::Status RedisConnection::Receive() {
  return redisBufferRead(context_.get()) == REDIS_ERR ? Broken(kSilent, context_->errstr) : absl::OkStatus();
}

absl::StatusOr<std::optional<RedisReply>> RedisConnection::Next() {
  void* raw = nullptr;
  if (redisGetReplyFromReader(context_.get(), &raw) == REDIS_ERR) return Broken(kSilent, context_->errstr);
  if (raw == nullptr) return std::optional<RedisReply>();
  const OwnedReply reply(static_cast<redisReply*>(raw));
  absl::StatusOr<RedisReply> taken = Take(*reply);
  if (!taken.ok()) return taken.status();
  return std::optional(*std::move(taken));
}

absl::Status RedisConnection::Append(const RedisCommand& command) {
  std::vector<const char*> words;
  std::vector<size_t> sizes;
  for (const std::string& word : command) {
    words.push_back(word.data());
    sizes.push_back(word.size());
  }
  if (redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), words.data(), sizes.data()) == REDIS_OK) {
    return absl::OkStatus();
  }
  return Broken(kSilent, context_->errstr);
}

absl::StatusOr<RedisReply> RedisConnection::Await() {
  void* raw = nullptr;
  if (redisGetReply(context_.get(), &raw) == REDIS_ERR) return Broken(kSilent, context_->errstr);
  const OwnedReply reply(static_cast<redisReply*>(raw));
  return Take(*reply);
}

absl::Status RedisConnection::Broken(absl::string_view reason, absl::string_view what) {
  // By its words: errno may be another call's by now.
  was_silent_ = absl::EndsWith(what, strerror(EAGAIN)) || absl::EndsWith(what, strerror(ETIMEDOUT));
  const std::string message = absl::StrCat("The store of jobs, Redis at ", options_.address.host, ":",
                                           options_.address.port, ", does not answer: ", what);
  Close();
  return core::MakeError(absl::StatusCode::kUnavailable, message,
                         {.reason = std::string(reason), .retry_after = absl::Seconds(1)});
}

absl::StatusOr<RedisReply> RedisConnection::Take(const redisReply& reply) {
  RedisReply out;
  switch (reply.type) {
    case REDIS_REPLY_ERROR:
      return Refused(std::string_view(reply.str, reply.len));
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
      out.kind_ = RedisReply::Kind::kText;
      out.text_.assign(reply.str, reply.len);
      break;
    case REDIS_REPLY_INTEGER:
      out.kind_ = RedisReply::Kind::kNumber;
      out.text_ = absl::StrCat(reply.integer);
      break;
    case REDIS_REPLY_ARRAY:
      out.kind_ = RedisReply::Kind::kList;
      for (size_t i = 0; i < reply.elements; ++i) {
        absl::StatusOr<RedisReply> element = Take(*reply.element[i]);
        if (!element.ok()) return element;
        out.list_.push_back(*std::move(element));
      }
      break;
    default:
      break;
  }
  return out;
}

absl::Status RedisConnection::Refused(std::string_view error) {
  const std::string text(error);
  if (absl::StartsWith(text, "OOM ")) {
    return core::MakeError(absl::StatusCode::kResourceExhausted, "The store of jobs has no memory left.",
                           {.reason = "JOB_STORE_FULL", .retry_after = absl::Seconds(5), .quota = "memory of Redis"});
  }
  // It is starting, has lost its replicas, its disk or our scripts: it may be asked again.
  for (const char* passing :
       {"LOADING", "MASTERDOWN", "READONLY", "MISCONF", "NOREPLICAS", "BUSY", "CLUSTERDOWN", "NOSCRIPT"}) {
    if (absl::StartsWith(text, passing)) return CannotServe(text);
  }
  return absl::InternalError(absl::StrCat("the store of jobs refuses a command: ", text));
}

}  // namespace latentd::store
