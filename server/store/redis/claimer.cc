#include "server/store/redis/claimer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/redis/job_reader.h"
#include "server/store/redis/scripts.h"

namespace latentd::store {
namespace {

constexpr int kReapedAtOnce = 16;                            // few, so that leases are renewed between them
constexpr absl::Duration kSoonest = absl::Milliseconds(50);  // that Redis is asked again

// As claim.lua and renew.lua have them: those that it has, and those that it could load, each behind their number.
void AppendModels(const core::Capacity& capacity, std::vector<std::string>* arguments) {
  for (const auto* models : {&capacity.models, &capacity.other_models}) {
    arguments->push_back(absl::StrCat(models->size()));
    arguments->insert(arguments->end(), models->begin(), models->end());
  }
}

}  // namespace

Claimer::Claimer(Options options)
    : options_(std::move(options)),
      redis_(options_.connection),
      alarm_(options_.clock,
             [this] {
               {
                 core::MutexLock lock(mutex_);
                 due_ = true;
               }
               changed_.NotifyAll();
             }),
      thread_([this] { Run(); }) {}

Claimer::~Claimer() {
  {
    core::MutexLock lock(mutex_);
    stopped_ = true;
  }
  changed_.NotifyAll();
  thread_.join();
}

void Claimer::Offer(const core::Capacity& capacity) {
  {
    core::MutexLock lock(mutex_);
    core::Capacity as_many = capacity_;
    as_many.jobs = capacity.jobs;
    const bool models_changed = capacity != as_many;  // others count on what this one has and could load
    look_ = look_ || capacity.jobs > capacity_.jobs || models_changed;
    due_ = due_ || models_changed;
    capacity_ = capacity;
    ++offers_;
  }
  changed_.NotifyAll();
}

void Claimer::Wake() {
  {
    core::MutexLock lock(mutex_);
    look_ = true;
  }
  changed_.NotifyAll();
}

void Claimer::Close() {
  {
    core::MutexLock lock(mutex_);
    closed_ = true;
    due_ = true;
    changed_.NotifyAll();
    // What it is just claiming is there when this returns.
    for (const int64_t under_way = begun_; done_ < under_way;) changed_.Wait(mutex_);
  }
}

void Claimer::LookBy(absl::Time time) { alarm_.RingBy(time); }

void Claimer::Run() {
  while (true) {
    core::Capacity capacity;
    bool look = false;
    bool due = false;
    bool takes_jobs = false;
    {
      core::MutexLock lock(mutex_);
      done_ = begun_;
      if (closed_) changed_.NotifyAll();
      while (!stopped_ && !due_ && !(look_ && !closed_ && capacity_.jobs > 0)) changed_.Wait(mutex_);
      if (stopped_) return;
      ++begun_;
      due = std::exchange(due_, false);
      look = !closed_ && capacity_.jobs > 0 && (std::exchange(look_, false) || due);
      capacity = capacity_;
      takes_jobs = !closed_;
    }
    if (due) {
      Renew(capacity, takes_jobs);
      const absl::Time now = options_.clock->Now();
      alarm_.RingBy(std::max(now + kSoonest, std::min(Reap(), now + options_.lease / 3)));
    }
    if (look) Claim(capacity);
  }
}

void Claimer::Claim(const core::Capacity& capacity) {
  std::vector<std::string> arguments = {options_.owner,        absl::StrCat(claim_),
                                        Ms(options_.lease),    absl::StrCat(capacity.jobs),
                                        Ms(options_.patience), capacity.can_load ? "1" : "0"};
  AppendModels(capacity, &arguments);
  arguments.insert(arguments.end(), capacity.broken_models.begin(), capacity.broken_models.end());
  const auto reply = redis_.Run(CallScript("claim", options_.prefix, std::move(arguments)));
  if (!reply.ok()) return TellOfHealth(reply.status());  // asked again when it is time
  std::vector<Claimed> jobs;
  for (const RedisReply& job : reply->list()) {
    jobs.push_back({.token = {job.list().at(0).text(), job.list().at(1).text()},
                    .losses = static_cast<int>(job.list().at(2).number())});
  }
  if (jobs.empty()) {
    ++claim_;
    return;
  }
  // Before the engine has them: it may at once say anew what it has room for.
  const int count = static_cast<int>(jobs.size());
  int64_t offers = 0;
  {
    core::MutexLock lock(mutex_);
    capacity_.jobs -= count;
    offers = offers_;
  }
  const std::optional<int> given = options_.on_claimed(redis_, jobs);
  if (given) ++claim_;
  // The engine says nothing of those that it did not get.
  if (given == count) return;
  core::MutexLock lock(mutex_);
  if (offers_ == offers) capacity_.jobs += count - given.value_or(0);
  look_ = look_ || given.has_value();  // otherwise when it is time
}

void Claimer::Renew(const core::Capacity& capacity, bool takes_jobs) {
  std::vector<std::string> arguments = {options_.owner, Ms(options_.lease), takes_jobs ? "1" : "0"};
  AppendModels(capacity, &arguments);
  for (const auto& [id, token] : options_.owned()) {
    arguments.push_back(id);
    arguments.push_back(token);
  }
  const auto lost = redis_.Run(CallScript("renew", options_.prefix, std::move(arguments)));
  TellOfHealth(lost.status());
  if (!lost.ok()) return;
  for (size_t i = 0; i + 1 < lost->list().size(); i += 2) {
    options_.on_lost({lost->list()[i].text(), lost->list()[i + 1].text()});
  }
}

absl::Time Claimer::Reap() {
  const auto reply = redis_.Run(CallScript("reap", options_.prefix, {absl::StrCat(kReapedAtOnce), Ms(options_.lease)}));
  if (!reply.ok()) return options_.clock->Now() + options_.lease / 10;
  for (size_t i = 1; i < reply->list().size(); ++i) {
    if (!options_.on_overdue(redis_, reply->list()[i].text())) return options_.clock->Now() + options_.lease / 10;
  }
  const RedisReply& next = reply->list().at(0);
  return next.is_nil() ? absl::InfiniteFuture() : options_.clock->Now() + absl::Milliseconds(next.number());
}

void Claimer::TellOfHealth(const absl::Status& status) {
  if (health_ == status) return;
  health_ = status;
  if (options_.on_health) options_.on_health(status);
}

}  // namespace latentd::store
