#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "server/core/clock.h"
#include "server/core/job_store.h"
#include "server/core/mutex.h"
#include "server/store/alarm.h"
#include "server/store/redis/connection.h"

namespace latentd::store {

// Gets jobs for this process while its engine has room, keeps those that it has by renewing their leases, and puts back
// into the line what others have lost: on a thread of its own, when something has changed and when it is time.
// Thread-safe.
class Claimer {
 public:
  using Token = std::pair<std::string, std::string>;  // a job's id, and the token that makes it this process's
  struct Claimed {
    Token token;
    int losses = 0;  // of owners
  };

  // Functions are called on the thread; none may block for long.
  struct Options {
    RedisConnection::Options connection;
    std::string prefix;
    std::string owner;  // this process's name, no other's
    core::Clock* clock = nullptr;
    absl::Duration lease{};
    absl::Duration patience{};
    // How many of them the engine will be given; nothing: they could not be taken in now, and the same come again.
    std::function<std::optional<int>(RedisConnection& redis, const std::vector<Claimed>& jobs)> on_claimed;
    std::function<std::vector<Token>()> owned;
    std::function<void(const Token& token)> on_lost;  // it is not this process's any more
    // Its deadline has passed. False: Redis does not answer.
    std::function<bool(RedisConnection& redis, const std::string& id)> on_overdue;
    // Why Redis cannot be used, or OK: at first and when it changes.
    std::function<void(const absl::Status&)> on_health;
  };

  explicit Claimer(Options options);
  ~Claimer();

  void Offer(const core::Capacity& capacity);
  // There may be work.
  void Wake();
  // There is something to look after at this time: a job's deadline.
  void LookBy(absl::Time time);
  // Claims nothing any more, and tells so; what there is is still kept. Waits for what it is just claiming.
  void Close();

 private:
  void Run();
  void Claim(const core::Capacity& capacity);
  void Renew(const core::Capacity& capacity, bool takes_jobs);
  // Gives the time when there will be something to do again.
  absl::Time Reap();
  void TellOfHealth(const absl::Status& status);

  const Options options_;
  // The thread's own.
  RedisConnection redis_;
  int64_t claim_ = 1;                   // the number of the next one: one whose answer was lost is repeated
  std::optional<absl::Status> health_;  // when Redis was looked at last

  core::Mutex mutex_;
  core::CondVar changed_;
  core::Capacity capacity_ ABSL_GUARDED_BY(mutex_);
  int64_t offers_ ABSL_GUARDED_BY(mutex_) = 0;  // that were made
  bool look_ ABSL_GUARDED_BY(mutex_) = true;    // for work
  bool due_ ABSL_GUARDED_BY(mutex_) = true;     // it is time to renew and to reap
  int64_t begun_ ABSL_GUARDED_BY(mutex_) = 0;   // turns of the thread
  int64_t done_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;

  Alarm alarm_;
  std::thread thread_;
};

}  // namespace latentd::store
