#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/core/event_log.h"
#include "server/core/job_codec.h"
#include "server/core/job_store.h"
#include "server/core/mutex.h"
#include "server/store/notifier.h"
#include "server/store/redis/output_reader.h"
#include "server/store/redis/pool.h"
#include "server/store/redis/subscriptions.h"
#include "server/store/redis/waiting_jobs.h"

namespace latentd::store {

// A reader's own copy of a job's history, as far as it has come, but for the bytes of outputs: those are read when the
// reader comes to them, and dropped when he has them. Filled whenever Redis says that there is more, without the lock,
// so that Next never waits; its end waits for a filling that is under way. Thread-safe but for Next, which one thread
// calls at a time.
class RedisWatch final : public core::Watch {
 public:
  struct Options {
    std::string id;
    std::string prefix;
    int64_t after_sequence = 0;
    RedisPool* pool = nullptr;  // these outlive the watch
    Subscriptions* subscriptions = nullptr;
    WaitingJobs* waiting = nullptr;  // has the job while it waits
    OutputReader* outputs = nullptr;
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
  // Reads what has come since the last time, and tells the reader. False: Redis does not answer. One call at a time.
  bool Fill();
  struct Entry {
    int64_t sequence = 0;
    int64_t pieces = 0;  // that follow, with numbers of their own
    absl::Time time{};
    core::EventKind kind{};
  };
  // An output whose bytes follow it in pieces.
  struct InPieces {
    int index = 0;
    int64_t pieces = 0;
    absl::Time time{};
  };
  struct News {
    int64_t last = 0;  // number that Redis has given
    std::vector<Entry> entries;
  };
  // What Redis has after `sequence`.
  absl::StatusOr<News> Read(int64_t sequence) const;
  absl::StatusOr<Entry> ReadOne(const RedisReply& reply) const;
  void Take(Entry entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The next event; nothing: there is none, or its bytes are still to come.
  std::optional<core::Event> TakeNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The bytes of the output with this number are here, or are asked for now.
  bool HasBytes(int64_t sequence, const InPieces& output) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnBytes(int64_t sequence, absl::StatusOr<core::Blob> bytes);
  // The reader, to be told of news after the lock; null: he does not wait.
  std::shared_ptr<Notifier> WhoWaits() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteWhetherItWaits(const core::EventKind& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const std::shared_ptr<Notifier> notifier_;
  Subscriptions::Id subscription_ = 0;

  core::Mutex mutex_;
  core::EventLog log_ ABSL_GUARDED_BY(mutex_);
  std::map<int64_t, InPieces> outputs_ ABSL_GUARDED_BY(mutex_);  // by their numbers
  int64_t bytes_of_ ABSL_GUARDED_BY(mutex_) = 0;                 // which of them is wanted or here; 0: none
  core::Blob bytes_ ABSL_GUARDED_BY(mutex_);                     // null: it is still to come
  OutputReader::Id wish_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t place_ ABSL_GUARDED_BY(mutex_);
  absl::Status problem_ ABSL_GUARDED_BY(mutex_);  // that ends the watch
  bool at_end_ ABSL_GUARDED_BY(mutex_) = false;
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;  // the last Next gave nothing
  bool in_line_ ABSL_GUARDED_BY(mutex_) = false;  // the job waits, as far as it was read
};

}  // namespace latentd::store
