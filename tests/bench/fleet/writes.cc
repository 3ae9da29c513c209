#include "tests/bench/fleet/writes.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace latentd::bench {
namespace {

constexpr size_t kBatch = 64;  // the outbox'

}  // namespace

void Writes::Add(Write write) {
  if (write.is_progress) {
    const auto worthless = [&](const Write& old) { return old.is_progress && old.id == write.id; };
    const auto first = pending_.begin() + static_cast<std::ptrdiff_t>(sending_);
    const auto end = std::remove_if(first, pending_.end(), worthless);
    dropped_ += pending_.end() - end;
    pending_.erase(end, pending_.end());
  }
  pending_.push_back(std::move(write));
  Go();
}

void Writes::Go() {
  if (sending_ > 0 || pending_.empty()) return;
  sending_ = std::min(kBatch, pending_.size());
  std::vector<store::RedisCommand> commands;
  for (size_t i = 0; i < sending_; ++i) {
    const Write& write = pending_[i];
    int64_t& last = last_[write.token];
    std::vector<std::string> arguments = {write.id, write.token, absl::StrCat(++number_), absl::StrCat(last)};
    arguments.insert(arguments.end(), write.what.begin(), write.what.end());
    commands.push_back(redis_->Script("own", std::move(arguments)));
    last = number_;
    if (write.is_last) last_.erase(write.token);
  }
  redis_->Run("write", commands, [this](const VirtualRedis::Replies& replies) { Written(replies); });
}

void Writes::Written(const VirtualRedis::Replies& replies) {
  for (size_t i = 0; i < replies.size(); ++i) {
    const store::RedisReply& answer = replies[i].is_list() ? replies[i].list().at(0) : replies[i];
    if (answer.number() != 1) on_fenced_(pending_[i].id, pending_[i].token);
  }
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(sending_));
  sending_ = 0;
  Go();
}

}  // namespace latentd::bench
