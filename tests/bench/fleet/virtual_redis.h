#pragma once

#include <ctime>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "server/store/redis/connection.h"
#include "tests/bench/fleet/event_queue.h"
#include "tests/server/store/redis/redis_server.h"

namespace latentd::bench {

// A real Redis with the product's scripts, on the virtual clock: what is asked for takes as long as the real one had
// the processor for it. Either that is one processor, as in a real Redis, and one thing waits for another; or it has as
// many as it needs, which shows how many that are. The scripts are the product's but for the time, which they get with
// the keys. An error of Redis ends the program.
//
// What it publishes goes to one connection here, be it for one replica or for all; for the others it counts what a
// delivery takes, measured before.
class VirtualRedis {
 public:
  static constexpr char kPrefix[] = "{latentd}:";

  VirtualRedis(EventQueue* events, int replicas, bool one_processor);
  ~VirtualRedis();

  using Replies = std::vector<store::RedisReply>;
  using Then = std::function<void(const Replies& replies)>;

  // A call of one of the product's scripts. REQUIRES: it goes into the next Run.
  store::RedisCommand Script(std::string_view name, std::vector<std::string> arguments);

  // Does it behind all that was asked for before; what it publishes is heard, and `then` is called, at its end. `kind`
  // is what it is counted as.
  void Run(const std::string& kind, const std::vector<store::RedisCommand>& commands, Then then);

  // What subscribing takes: what is published comes to `on_published`, whoever subscribes.
  void Subscribe(const std::string& channel, Then then);
  void Unsubscribe(const std::string& channel);

  // Is told of the channel, without the prefix, of each message.
  std::function<void(const std::string& channel)> on_published;

  // Until it begins with what is asked for now.
  absl::Duration Backlog() const { return Start() - events_->now(); }

  // What it did so far.
  struct Spent {
    int64_t calls = 0;
    absl::Duration time{};
  };
  struct Totals {
    std::map<std::string, Spent> kinds;
    int64_t published = 0;
    int64_t deliveries = 0;  // of it
    int64_t bytes_in = 0;    // as Redis counts them
    int64_t bytes_out = 0;   // likewise, with one delivery of each message
    absl::Duration time() const;
  };
  Totals totals();

 private:
  absl::Time Start() const;  // of what is asked for now
  absl::Duration Processor() const;
  void LoadScripts();
  void MeasureDelivery();
  // Channels of what was published since the last time.
  std::vector<std::string> Heard();
  absl::Duration Used();
  void Subscription(const std::string& verb, const std::string& channel, Then then);
  // Something that began at `start` took so long; gives its end.
  absl::Time Book(absl::Time start, const std::string& kind, int64_t calls, absl::Duration time);
  Replies RunAll(const std::vector<store::RedisCommand>& commands);

  EventQueue* const events_;
  const int replicas_;
  const bool one_processor_;
  store::RedisServer server_;
  store::RedisConnection redis_;
  store::RedisConnection hears_;
  store::RedisConnection subscribes_;
  clockid_t processor_{};                       // Redis' own
  absl::Duration used_;                         // of it, when it was read last
  std::map<std::string, std::string> scripts_;  // the SHA-1 that the product knows, and that with the virtual clock
  absl::Duration delivery_;
  int64_t questions_ = 0;  // for what was published
  absl::Time free_at_;     // with one processor
  Totals totals_;
};

}  // namespace latentd::bench
