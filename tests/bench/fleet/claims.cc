#include "tests/bench/fleet/claims.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace latentd::bench {
namespace {

std::string Ms(absl::Duration duration) { return absl::StrCat(absl::ToInt64Milliseconds(duration)); }

}  // namespace

Claims::Claims(Options options) : options_(std::move(options)) {
  options_.events->At(options_.events->now() + options_.begins_after, [this] {
    due_ = true;
    Go();
  });
}

void Claims::Offer(const core::Capacity& capacity) {
  look_ = look_ || capacity.jobs > capacity_.jobs || capacity.models != capacity_.models;
  capacity_ = capacity;
  Go();
}

void Claims::Wake() {
  look_ = true;
  Go();
}

void Claims::Go() {
  if (busy_ || !(due_ || (look_ && capacity_.jobs > 0))) return;
  busy_ = true;
  const bool due = std::exchange(due_, false);
  const bool look = capacity_.jobs > 0 && (std::exchange(look_, false) || due);
  working_with_ = capacity_;
  const auto claim = [this, look] {
    if (!look) return Done();
    Claim([this] { Done(); });
  };
  if (!due) return claim();
  Renew([this, claim] { Reap(claim); });
}

void Claims::Done() {
  busy_ = false;
  Go();
}

void Claims::Renew(std::function<void()> then) {
  std::vector<std::string> arguments = {options_.owner, Ms(kLease), "1", absl::StrCat(working_with_.models.size())};
  arguments.insert(arguments.end(), working_with_.models.begin(), working_with_.models.end());
  arguments.push_back(absl::StrCat(working_with_.other_models.size()));
  arguments.insert(arguments.end(), working_with_.other_models.begin(), working_with_.other_models.end());
  for (const auto& [id, token] : options_.owned()) {
    arguments.push_back(id);
    arguments.push_back(token);
  }
  options_.redis->Run("renew", {options_.redis->Script("renew", std::move(arguments))},
                      [this, then = std::move(then)](const VirtualRedis::Replies& replies) {
                        const std::vector<store::RedisReply>& lost = replies[0].list();
                        for (size_t i = 0; i < lost.size(); i += 2) options_.on_lost(lost[i].text());
                        then();
                      });
}

void Claims::Reap(std::function<void()> then) {
  options_.redis->Run("renew", {options_.redis->Script("reap", {"16", Ms(kLease)})},
                      [this, then = std::move(then)](const VirtualRedis::Replies&) {
                        options_.events->At(options_.events->now() + kLease / 3, [this] {
                          due_ = true;
                          Go();
                        });
                        then();
                      });
}

void Claims::Claim(std::function<void()> then) {
  std::vector<std::string> arguments = {options_.owner,
                                        absl::StrCat(++claims_),
                                        Ms(kLease),
                                        absl::StrCat(working_with_.jobs),
                                        Ms(kPatience),
                                        working_with_.can_load ? "1" : "0",
                                        absl::StrCat(working_with_.models.size())};
  arguments.insert(arguments.end(), working_with_.models.begin(), working_with_.models.end());
  arguments.push_back(absl::StrCat(working_with_.other_models.size()));
  arguments.insert(arguments.end(), working_with_.other_models.begin(), working_with_.other_models.end());
  options_.redis->Run("claim", {options_.redis->Script("claim", std::move(arguments))},
                      [this, then = std::move(then)](const VirtualRedis::Replies& replies) {
                        std::vector<Token> jobs;
                        for (const store::RedisReply& job : replies[0].list()) {
                          jobs.emplace_back(job.list().at(0).text(), job.list().at(1).text());
                        }
                        if (jobs.empty()) return then();
                        capacity_.jobs = std::max(0, capacity_.jobs - static_cast<int>(jobs.size()));
                        TakeIn(jobs, then);
                      });
}

void Claims::TakeIn(const std::vector<Token>& jobs, std::function<void()> then) {
  std::vector<store::RedisCommand> commands;
  commands.reserve(jobs.size());
  for (const auto& [id, token] : jobs) commands.push_back(options_.redis->Script("take", {id, token}));
  options_.redis->Run("take in", commands, [this, jobs, then = std::move(then)](const VirtualRedis::Replies&) {
    options_.on_claimed(jobs);
    then();
  });
}

}  // namespace latentd::bench
