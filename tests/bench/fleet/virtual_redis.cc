#include "tests/bench/fleet/virtual_redis.h"

#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/store/redis/scripts.h"

namespace latentd::bench {
namespace {

void Must(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "Redis: %s\n", std::string(status.message()).c_str());
  std::exit(1);
}

// Of a section of INFO.
int64_t Number(const std::string& info, std::string_view name) {
  const size_t at = info.find(absl::StrCat("\n", std::string(name)));
  return at == std::string::npos ? 0 : std::atoll(info.c_str() + at + 1 + name.size());
}

// The next that has come, waiting for it.
store::RedisReply Next(store::RedisConnection& subscriber) {
  while (true) {
    auto reply = subscriber.Next();
    Must(reply.status());
    if (reply->has_value()) return **std::move(reply);
    Must(subscriber.Receive());
  }
}

}  // namespace

VirtualRedis::VirtualRedis(EventQueue* events, int replicas, bool one_processor)
    : events_(events),
      replicas_(replicas),
      one_processor_(one_processor),
      redis_({.address = server_.address()}),
      hears_({.address = server_.address()}),
      subscribes_({.address = server_.address()}),
      free_at_(events->now()) {
  const auto pid = static_cast<pid_t>(Number(RunAll({{"INFO", "server"}})[0].text(), "process_id:"));
  if (clock_getcpuclockid(pid, &processor_) != 0) std::abort();
  LoadScripts();
  MeasureDelivery();
  Must(subscribes_.Connect());
  Must(hears_.Connect());
  Must(hears_.Send({"PSUBSCRIBE", absl::StrCat(kPrefix, "*")}));
  Next(hears_);
  used_ = Processor();
}

// With the process that may be writing its file anew, which a kill would leave.
VirtualRedis::~VirtualRedis() { redis_.Run({"SHUTDOWN", "NOSAVE", "NOW", "FORCE"}).IgnoreError(); }

absl::Duration VirtualRedis::Totals::time() const {
  absl::Duration sum;
  for (const auto& [kind, spent] : kinds) sum += spent.time;
  return sum;
}

// The scripts' own time would be the real one's.
void VirtualRedis::LoadScripts() {
  constexpr std::string_view kReal = "redis.call('TIME')";
  for (store::RedisCommand load : store::LoadScripts()) {
    const std::string known = RunAll({load})[0].text();
    std::string& text = load.back();
    const size_t at = text.find(kReal);
    if (at == std::string::npos || text.find(kReal, at + 1) != std::string::npos) {
      std::fprintf(stderr, "a script does not ask for the time once: the virtual clock cannot be put there\n");
      std::exit(1);
    }
    text.replace(at, kReal.size(), "{KEYS[2], KEYS[3]}");
    scripts_[known] = RunAll({load})[0].text();
  }
}

// To one of many subscribers, beside what publishing itself takes.
void VirtualRedis::MeasureDelivery() {
  constexpr int kSubscribers = 200;
  constexpr int kMessages = 300;
  std::vector<store::RedisConnection> subscribers;
  for (int i = 0; i < kSubscribers; ++i) {
    subscribers.emplace_back(store::RedisConnection::Options{.address = server_.address()});
    Must(subscribers.back().Connect());
    Must(subscribers.back().Send({"SUBSCRIBE", "many"}));
    Next(subscribers.back());
  }
  const auto publish = [&](const char* channel) {
    const absl::Duration before = Processor();
    for (int i = 0; i < kMessages; ++i) RunAll({{"PUBLISH", channel, ""}});
    return Processor() - before;
  };
  const absl::Duration none = publish("none");
  delivery_ = (publish("many") - none) / (kSubscribers * kMessages);
}

absl::Time VirtualRedis::Start() const { return std::max(events_->now(), free_at_); }

absl::Duration VirtualRedis::Processor() const {
  timespec used{};
  clock_gettime(processor_, &used);
  return absl::DurationFromTimespec(used);
}

store::RedisCommand VirtualRedis::Script(std::string_view name, std::vector<std::string> arguments) {
  store::RedisCommand command = store::CallScript(name, kPrefix, std::move(arguments));
  command[1] = scripts_.at(command[1]);
  command[2] = absl::StrCat(3);  // keys
  const int64_t now = absl::ToUnixMicros(Start());
  const std::string times[] = {absl::StrCat(now / 1'000'000), absl::StrCat(now % 1'000'000)};
  command.insert(command.begin() + 4, std::begin(times), std::end(times));
  return command;
}

VirtualRedis::Replies VirtualRedis::RunAll(const std::vector<store::RedisCommand>& commands) {
  Replies replies;
  for (auto& reply : redis_.RunAll(commands)) {
    Must(reply.status());
    replies.push_back(*std::move(reply));
  }
  return replies;
}

void VirtualRedis::Run(const std::string& kind, const std::vector<store::RedisCommand>& commands, Then then) {
  absl::Time at = Start();
  Replies replies = RunAll(commands);
  // Until the answer has woken this thread, Redis has told whoever listens, too.
  at = Book(at, kind, static_cast<int64_t>(commands.size()), Used());
  std::vector<std::string> heard = Heard();
  Used();  // for the question: nobody else asks it
  for (const std::string& channel : heard) {
    ++totals_.published;
    const bool to_all = channel == "moved";
    totals_.deliveries += to_all ? replicas_ : 1;
    if (to_all) at = Book(at, "deliver", replicas_ - 1, (replicas_ - 1) * delivery_);
  }
  events_->At(at, [this, heard = std::move(heard), replies = std::move(replies), then = std::move(then)] {
    for (const std::string& channel : heard) on_published(channel);
    then(replies);
  });
}

// What comes before an answer was published before the question.
std::vector<std::string> VirtualRedis::Heard() {
  ++questions_;
  std::vector<std::string> channels;
  Must(hears_.Send({"PING"}));
  while (true) {
    const store::RedisReply reply = Next(hears_);
    if (reply.list().at(0).text() == "pong") return channels;
    channels.push_back(reply.list().at(2).text().substr(sizeof(kPrefix) - 1));
  }
}

// Of the processor since the last time.
absl::Duration VirtualRedis::Used() {
  const absl::Duration before = std::exchange(used_, Processor());
  return used_ - before;
}

void VirtualRedis::Subscribe(const std::string& channel, Then then) {
  Subscription("subscribe", channel, std::move(then));
}

void VirtualRedis::Unsubscribe(const std::string& channel) {
  Subscription("unsubscribe", channel, [](const Replies&) {});
}

void VirtualRedis::Subscription(const std::string& verb, const std::string& channel, Then then) {
  // Not the channel itself: its messages would come twice.
  Must(subscribes_.Send({verb, absl::StrCat("a reader of ", channel)}));
  Next(subscribes_);
  events_->At(Book(Start(), "subscribe", 1, Used()), [then = std::move(then)] { then({}); });
}

absl::Time VirtualRedis::Book(absl::Time start, const std::string& kind, int64_t calls, absl::Duration time) {
  Spent& spent = totals_.kinds[kind];
  spent.calls += calls;
  spent.time += time;
  if (one_processor_) free_at_ = start + time;
  return start + time;
}

VirtualRedis::Totals VirtualRedis::totals() {
  constexpr int64_t kQuestionBytes = 14;
  constexpr int64_t kAnswerBytes = 20;
  const std::string info = RunAll({{"INFO", "stats"}})[0].text();
  Used();
  Totals totals = totals_;
  totals.bytes_in = Number(info, "total_net_input_bytes:") - questions_ * kQuestionBytes;
  totals.bytes_out = Number(info, "total_net_output_bytes:") - questions_ * kAnswerBytes;
  return totals;
}

}  // namespace latentd::bench
