#include "tests/bench/fleet/reads.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace latentd::bench {
namespace {

// RedisJobStore's and Subscriptions'.
constexpr size_t kPositionsAtOnce = 64;
constexpr absl::Duration kLineInterval = absl::Milliseconds(500);
constexpr absl::Duration kRetryAfter = absl::Milliseconds(100);

std::string Key(const char* kind, const std::string& id) { return absl::StrCat(VirtualRedis::kPrefix, kind, id); }

}  // namespace

void Reads::Follow(const std::string& id) {
  if (!options_.jobs->at(id).began) waiting_.insert(id);
  options_.redis->Subscribe(Key("told:", id), [this, id](const VirtualRedis::Replies&) {
    followed_.insert(id);
    OnTold(id);
  });
}

void Reads::OnTold(const std::string& id) {
  if (!followed_.contains(id)) return;
  Add([this, id](const std::function<void()>& done) { Fill(id, done); });
}

void Reads::OnMoved() {
  Add([this](const std::function<void()>& done) { TellOfLine(done); });
}

void Reads::OnWork() {
  Add([this](const std::function<void()>& done) {
    options_.on_work();
    done();
  });
}

void Reads::Add(Task task) {
  tasks_.push_back(std::move(task));
  Go();
}

void Reads::Go() {
  if (busy_ || tasks_.empty()) return;
  busy_ = true;
  const Task task = std::move(tasks_.front());
  tasks_.pop_front();
  task([this] {
    busy_ = false;
    Go();
  });
}

std::vector<store::RedisCommand> Reads::Read(const Job& job) {
  return {{"EXISTS", Key("job:", job.id)}, {"XRANGE", Key("events:", job.id), absl::StrCat("(", job.read, "-0"), "+"}};
}

bool Reads::Take(const VirtualRedis::Replies& replies, Job& job) {
  bool has_output = false;
  for (const store::RedisReply& entry : replies.at(1).list()) {
    const std::string& number = entry.list().at(0).text();
    (void)absl::SimpleAtoi(number.substr(0, number.find('-')), &job.read);
    for (const store::RedisReply& word : entry.list().at(1).list()) {
      has_output = has_output || word.text() == "pieces";
      if (word.text() != "completed") continue;
      job.ended = options_.events->now();
      options_.redis->Unsubscribe(Key("told:", job.id));
      followed_.erase(job.id);
      waiting_.erase(job.id);
    }
  }
  if (job.began) waiting_.erase(job.id);
  return has_output;
}

void Reads::Fill(const std::string& id, const std::function<void()>& done) {
  Job& job = options_.jobs->at(id);
  if (job.ended) return done();
  options_.redis->Run("read", Read(job), [this, &job, done](const VirtualRedis::Replies& replies) {
    if (!Take(replies, job)) return done();
    options_.redis->Run("read", {{"GET", absl::StrCat(Key("output:", job.id), ":0")}},
                        [done](const VirtualRedis::Replies&) { done(); });
  });
}

void Reads::TellOfLine(const std::function<void()>& done) {
  const absl::Time now = options_.events->now();
  if (now < line_told_ + kLineInterval) {
    RetryLine();
    return done();
  }
  line_told_ = now;
  options_.redis->Run("line", {options_.redis->Script("queue", {options_.owner})},
                      [this, done](const VirtualRedis::Replies& replies) {
                        if (replies[0].list().at(0).number() == 0) RetryLine();
                        TellPositions();
                        done();
                      });
}

void Reads::TellPositions() {
  const std::vector<std::string> waiting(waiting_.begin(), waiting_.end());
  for (size_t i = 0; i < waiting.size(); i += kPositionsAtOnce) {
    const auto begin = waiting.begin() + static_cast<std::ptrdiff_t>(i);
    const auto end = waiting.begin() + static_cast<std::ptrdiff_t>(std::min(i + kPositionsAtOnce, waiting.size()));
    options_.redis->Run("line", {options_.redis->Script("positions", {begin, end})},
                        [](const VirtualRedis::Replies&) {});
  }
}

// What was heard of the line is told again later.
void Reads::RetryLine() {
  if (std::exchange(retries_, true)) return;
  options_.events->At(options_.events->now() + kRetryAfter, [this] {
    retries_ = false;
    OnMoved();
  });
}

}  // namespace latentd::bench
