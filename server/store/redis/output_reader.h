#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/core/blob.h"
#include "server/core/clock.h"
#include "server/core/mutex.h"
#include "server/store/alarm.h"
#include "server/store/redis/pool.h"

namespace latentd::store {

// Gets the bytes of outputs for watches, on a thread of its own: they are large, and nobody else is to wait for them.
// Those who read the same at the same time share them. Thread-safe.
class OutputReader {
 public:
  struct Options {
    RedisPool* pool = nullptr;  // these outlive the reader
    core::Clock* clock = nullptr;
    absl::Duration retry_after = absl::Milliseconds(100);
  };
  // On the thread. Null: it is not there any more.
  using Done = std::function<void(absl::StatusOr<core::Blob>)>;

  explicit OutputReader(Options options);
  ~OutputReader();

  // Reads what `key` holds; while Redis cannot be asked, again and again.
  using Id = int64_t;
  Id Read(std::string key, Done done);
  // After the return `done` is not called any more, nor is a call under way, but on the thread's own. Unknown ones are
  // fine.
  void Withdraw(Id id);

 private:
  struct Wish {
    Id id = 0;
    std::string key;
    Done done;
  };

  void Run();
  absl::StatusOr<core::Blob> Get(const std::string& key);

  const Options options_;
  // What somebody still holds of what was read; the thread's own.
  std::map<std::string, std::weak_ptr<const std::string>> held_;

  core::Mutex mutex_;
  core::CondVar changed_;
  std::deque<Wish> wishes_ ABSL_GUARDED_BY(mutex_);
  Id last_ ABSL_GUARDED_BY(mutex_) = 0;
  Id calling_ ABSL_GUARDED_BY(mutex_) = 0;  // 0: none
  bool waiting_to_retry_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;

  Alarm retry_;
  std::thread thread_;
};

}  // namespace latentd::store
