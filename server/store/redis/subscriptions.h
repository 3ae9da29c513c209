#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/core/clock.h"
#include "server/core/mutex.h"
#include "server/store/alarm.h"
#include "server/store/redis/connection.h"

namespace latentd::store {

// What Redis publishes, on one connection and a thread of its own. What was published while there was no connection is
// lost, so that everybody is told when there is one again. Thread-safe.
class Subscriptions {
 public:
  struct Options {
    RedisConnection::Options connection;
    core::Clock* clock = nullptr;  // outlives this
    // Redis refuses a channel, of which nobody hears then. On the thread; may be null.
    std::function<void(const absl::Status&)> on_refused{};
    absl::Duration retry_after = absl::Milliseconds(100);
  };
  // On the thread; must not block for long. `message` is empty when something may have been missed. False: it could not
  // act on it, and is to be told again a little later, with an empty message.
  using Listener = std::function<bool(const std::string& message)>;

  explicit Subscriptions(Options options);
  ~Subscriptions();

  // The listener is told of what is published on the channel after Redis has heard of it, and once then, with an empty
  // message. Several may listen to one channel.
  using Id = int64_t;
  Id Add(std::string channel, Listener listener);
  // After the return it is not called any more, nor is a call under way, but on this thread's own.
  void Remove(Id id);

 private:
  struct Entry {
    std::string channel;
    Listener listener;
    bool is_new = true;
  };

  void Run();
  void Wake();
  // Makes Redis know of the channels that are listened to. False: there is no connection.
  bool Subscribe();
  void Listen();
  // There is no connection any more, and Redis knows of no channel.
  void Forget();
  void Tell(const std::string& channel, const std::string& message, bool only_new);

  const Options options_;
  RedisConnection redis_;                   // the thread's own …
  std::map<std::string, bool> subscribed_;  // … and the channels that it asked for; true: and was told so
  int wake_ = -1;                           // an eventfd

  core::Mutex mutex_;
  core::CondVar changed_;
  std::map<Id, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::set<Id>> channels_ ABSL_GUARDED_BY(mutex_);
  // Those to look at: somebody came or left, or is to be told again. There may be thousands of others.
  std::set<std::string> changed_channels_ ABSL_GUARDED_BY(mutex_);
  Id last_ ABSL_GUARDED_BY(mutex_) = 0;
  Id calling_ ABSL_GUARDED_BY(mutex_) = 0;  // 0: none
  bool waiting_to_retry_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;

  Alarm retry_;
  std::thread thread_;
};

}  // namespace latentd::store
