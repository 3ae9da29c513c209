#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "server/core/event_log.h"
#include "server/core/job_codec.h"
#include "server/core/job_store.h"
#include "server/core/mutex.h"
#include "server/store/notifier.h"
#include "server/store/redis/pool.h"
#include "server/store/redis/subscriptions.h"

namespace latentd::store {

// A reader's own copy of a job's history, as far as it has come: filled whenever Redis says that there is more, so that
// Next never waits. Thread-safe but for Next, which one thread calls at a time.
class RedisWatch final : public core::Watch {
 public:
  struct Options {
    std::string id;
    std::string prefix;
    int64_t after_sequence = 0;
    RedisPool* pool = nullptr;  // these outlive the watch
    Subscriptions* subscriptions = nullptr;
    const core::JobCodec* codec = nullptr;
    std::function<void()> on_ready;
  };

  // NOT_FOUND, and errors of the connection.
  static absl::StatusOr<std::unique_ptr<core::Watch>> Open(Options options);
  ~RedisWatch() override;

  absl::StatusOr<std::optional<core::Event>> Next() override;

 private:
  explicit RedisWatch(Options options);

  absl::Status Begin();
  // Reads what has come since the last time, and tells the reader. False: Redis does not answer.
  bool Fill();
  absl::Status FillLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status TakeEntry(const RedisReply& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const std::shared_ptr<Notifier> notifier_;
  Subscriptions::Id subscription_ = 0;

  core::Mutex mutex_;
  core::EventLog log_ ABSL_GUARDED_BY(mutex_);
  int64_t place_ ABSL_GUARDED_BY(mutex_);
  absl::Status problem_ ABSL_GUARDED_BY(mutex_);  // that ends the watch
  bool at_end_ ABSL_GUARDED_BY(mutex_) = false;
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;  // the last Next gave nothing
};

}  // namespace latentd::store
