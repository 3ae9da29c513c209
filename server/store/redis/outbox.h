#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "server/core/clock.h"
#include "server/core/mutex.h"
#include "server/store/alarm.h"
#include "server/store/redis/connection.h"

namespace latentd::store {

// What this process writes of jobs that it owns, on its way to Redis: in order, several at a time, on a thread of its
// own, and again until Redis has answered. While Redis is away, of each output's progress only what is worth telling
// waits, and of each job's checkpoints the last; the rest is bounded by the jobs that this process runs. Thread-safe.
class Outbox {
 public:
  struct Options {
    RedisConnection::Options connection;
    std::string prefix;
    core::Clock* clock = nullptr;  // outlives the outbox
    // Redis has refused a write: the job is not this process's any more. On the outbox's thread; must not block.
    std::function<void(const std::string& id, const std::string& token)> on_fenced;
    // A job that shared the run of another has ended with it. On the outbox's thread.
    std::function<void(const std::string& id)> on_follower_ended;
    // Redis refuses a write as such: the job is given up. On the outbox's thread; may be null.
    std::function<void(const absl::Status&)> on_refused{};
    absl::Duration retry_after = absl::Milliseconds(100);
  };

  // Of the script own.lua: what, and its arguments.
  struct Write {
    std::string id{};
    std::string token{};
    std::vector<std::string> what{};
    std::string state_of{};    // what of the job it tells; a later one of the same makes it worthless …
    bool has_preview = false;  // … unless it has a preview, and that has not
    bool is_last = false;      // of this token; one is always sent
    bool is_end = false;       // of its job, or it is given back: until then it is this process's
    // Whether it is written; false, too, of 'unable' when the job waits again for others. Not called when the outbox
    // goes first. On the outbox's thread; may be null.
    std::function<void(bool)> on_answer{};
  };

  explicit Outbox(Options options);
  // Drops what waits.
  ~Outbox();

  void Add(Write write);

  // Jobs with their tokens whose end, or giving back, is not written yet.
  std::vector<std::pair<std::string, std::string>> Ending() const;

  // Waits until all that was added before is written, or until `deadline` of the clock: then false.
  bool Flush(absl::Time deadline);

 private:
  struct Pending {
    int64_t number;
    Write write;
  };

  void Run();
  // How many, from the first, are done with.
  size_t Send(const std::vector<Pending>& batch);
  int64_t WrittenLast(const std::string& token) const;
  // Whether it is written.
  bool Book(const Pending& sent, const absl::StatusOr<RedisReply>& answer);

  const Options options_;

  // The thread's own.
  RedisConnection redis_;
  std::map<std::string, int64_t> last_written_;  // by token, until its last write
  std::set<std::string> given_up_;               // tokens of jobs that are not this process's any more, likewise

  mutable core::Mutex mutex_;
  core::CondVar changed_;
  std::deque<Pending> pending_ ABSL_GUARDED_BY(mutex_);
  // Of those, from the front: sent, perhaps more than once. Redis may have them, so they stay as they are.
  size_t sent_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t added_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t written_ ABSL_GUARDED_BY(mutex_) = 0;
  bool waiting_to_retry_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;

  Alarm retry_;
  std::thread thread_;
};

}  // namespace latentd::store
