#include "server/store/redis/outbox.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/redis/scripts.h"

namespace latentd::store {
namespace {

constexpr size_t kBatch = 64;
// Answers of own.lua.
constexpr int64_t kFenced = 0;
constexpr int64_t kNotYet = 2;
constexpr int64_t kForOthers = 3;

int64_t AnswerOf(const RedisReply& reply) { return reply.is_list() ? reply.list().at(0).number() : reply.number(); }

}  // namespace

Outbox::Outbox(Options options)
    : options_(std::move(options)),
      redis_(options_.connection),
      retry_(options_.clock,
             [this] {
               {
                 core::MutexLock lock(mutex_);
                 waiting_to_retry_ = false;
               }
               changed_.NotifyAll();
             }),
      thread_([this] { Run(); }) {}

Outbox::~Outbox() {
  {
    core::MutexLock lock(mutex_);
    stopped_ = true;
  }
  changed_.NotifyAll();
  thread_.join();
}

void Outbox::Add(Write write) {
  {
    core::MutexLock lock(mutex_);
    if (!write.state_of.empty()) {
      const auto worthless = [&](const Pending& old) {
        return old.write.state_of == write.state_of && old.write.token == write.token &&
               (write.has_preview || !old.write.has_preview);
      };
      pending_.erase(std::remove_if(pending_.begin() + static_cast<std::ptrdiff_t>(sent_), pending_.end(), worthless),
                     pending_.end());
    }
    pending_.push_back({++added_, std::move(write)});
  }
  changed_.NotifyAll();
}

std::vector<std::pair<std::string, std::string>> Outbox::Ending() const {
  std::vector<std::pair<std::string, std::string>> ending;
  core::MutexLock lock(mutex_);
  for (const Pending& each : pending_) {
    if (each.write.is_end) ending.emplace_back(each.write.id, each.write.token);
  }
  return ending;
}

bool Outbox::Flush(absl::Time deadline) {
  bool expired = false;  // guarded by mutex_
  const core::Clock::TimerId timer = options_.clock->At(deadline, [this, &expired] {
    core::MutexLock lock(mutex_);
    expired = true;
    changed_.NotifyAll();
  });
  bool flushed = false;
  {
    core::MutexLock lock(mutex_);
    const int64_t last = added_;
    while (!(flushed = written_ >= last || pending_.empty()) && !expired) changed_.Wait(mutex_);
  }
  options_.clock->Cancel(timer);
  return flushed;
}

void Outbox::Run() {
  while (true) {
    std::vector<Pending> batch;
    {
      core::MutexLock lock(mutex_);
      while (!stopped_ && (pending_.empty() || waiting_to_retry_)) changed_.Wait(mutex_);
      if (stopped_) return;
      sent_ = std::min(kBatch, pending_.size());
      batch.assign(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(sent_));
    }
    const size_t written = Send(batch);
    {
      core::MutexLock lock(mutex_);
      sent_ -= written;
      if (written > 0) {
        written_ = batch[written - 1].number;
        pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(written));
      }
      waiting_to_retry_ = written < batch.size();
    }
    changed_.NotifyAll();
    if (written < batch.size()) retry_.RingBy(options_.clock->Now() + options_.retry_after);
  }
}

size_t Outbox::Send(const std::vector<Pending>& batch) {
  std::map<std::string, int64_t> last = last_written_;
  std::vector<RedisCommand> commands;
  std::vector<std::pair<size_t, int64_t>> sent;  // of the batch, those that are not given up; the number before each
  for (size_t i = 0; i < batch.size(); ++i) {
    const auto& [number, write] = batch[i];
    if (given_up_.contains(write.token)) continue;
    int64_t& before = last[write.token];
    std::vector<std::string> arguments = {write.id, write.token, absl::StrCat(number), absl::StrCat(before)};
    arguments.insert(arguments.end(), write.what.begin(), write.what.end());
    commands.push_back(CallScript("own", options_.prefix, std::move(arguments)));
    sent.emplace_back(i, before);
    before = number;
  }
  const auto replies = redis_.RunAll(commands);
  size_t reply = 0;
  for (size_t i = 0; i < batch.size(); ++i) {
    const Write& write = batch[i].write;
    bool is_written = false;
    if (reply < sent.size() && sent[reply].first == i) {
      const int64_t before = sent[reply].second;
      const auto& answer = replies[reply++];
      // One that Redis refuses as such would be refused again: nothing is to be gained by sending it for ever. The same
      // of one whose predecessor Redis had, and has no more, as it came back with less than it had.
      const bool is_over = !answer.ok()                   ? absl::IsInternal(answer.status())
                           : AnswerOf(*answer) != kNotYet ? true
                                                          : WrittenLast(write.token) == before;
      if (!given_up_.contains(write.token)) {
        if (!is_over) return i;
        is_written = Book(batch[i], answer);
      }
    }
    if (write.on_answer) write.on_answer(is_written);
    if (!write.is_last) continue;
    last_written_.erase(write.token);
    given_up_.erase(write.token);
  }
  return batch.size();
}

int64_t Outbox::WrittenLast(const std::string& token) const {
  const auto last = last_written_.find(token);
  return last == last_written_.end() ? 0 : last->second;
}

bool Outbox::Book(const Pending& sent, const absl::StatusOr<RedisReply>& answer) {
  const Write& write = sent.write;
  last_written_[write.token] = sent.number;
  if (!answer.ok() && options_.on_refused) options_.on_refused(answer.status());
  if (!answer.ok() || AnswerOf(*answer) == kFenced || AnswerOf(*answer) == kNotYet) {
    given_up_.insert(write.token);
    options_.on_fenced(write.id, write.token);
    return false;
  }
  if (!answer->is_list()) return AnswerOf(*answer) != kForOthers;
  for (size_t i = 1; i < answer->list().size(); ++i) options_.on_follower_ended(answer->list()[i].text());
  return true;
}

}  // namespace latentd::store
