#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/core/clock.h"
#include "server/core/job_store.h"
#include "server/core/mutex.h"
#include "server/rpc/event_format.h"
#include "server/rpc/event_messages.h"
#include "server/rpc/executor.h"
#include "server/rpc/open_streams.h"
#include "server/rpc/watch_merger.h"

namespace latentd::rpc {

// What all streams share. REQUIRES: outlives them.
struct StreamContext {
  core::JobStore* store;
  core::Clock* clock;
  Executor* executor;
  OpenStreams* open;
  absl::Duration heartbeat;          // a stream that is quiet for this long gets a Heartbeat
  absl::Duration write_stall_limit;  // a write that takes longer ends the call
};

// One call's stream of events: pulls one event at a time from its jobs' histories, when the one before has left. So a
// slow reader holds one event, as messages, and its places in the histories, and keeps nobody waiting.
//
// How it holds together:
//   * The object owns itself until OnDone. Notifications and timers, which may come later, hold it weakly.
//   * A job's notification comes under the store's lock: it only posts Pump to the executor.
//   * One write is in flight at most; its bytes stay untouched until OnWriteDone, and Finish waits for it.
//   * OnCancel may run beside everything else; Finish is owed after it all the same. Whoever finds nothing in flight
//   calls it.
class EventStream : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                    public OpenStreams::Stream,
                    public std::enable_shared_from_this<EventStream> {
 public:
  struct Place {
    std::string job;
    int64_t after_sequence = 0;
  };

  // Streams what comes after the places; finishes OK after the last job's terminal event, NOT_FOUND when a job is
  // unknown or deleted before its end was read.
  static grpc::ServerWriteReactor<grpc::ByteBuffer>* Watch(const StreamContext& shared,
                                                           grpc::CallbackServerContext* call,
                                                           const std::vector<Place>& places);

  // The stream of a job's own caller: when he ends it the job is cancelled, and it finishes as the job ended.
  static grpc::ServerWriteReactor<grpc::ByteBuffer>* Own(
      const StreamContext& shared, grpc::CallbackServerContext* call, const std::string& job,
      std::unique_ptr<EventFormat> format = std::make_unique<EventMessages>());

  // No stream at all: finishes with `status`.
  static grpc::ServerWriteReactor<grpc::ByteBuffer>* Refuse(grpc::CallbackServerContext* call,
                                                            const absl::Status& status);

  void End(const absl::Status& status) override;

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  EventStream(const StreamContext& shared, grpc::CallbackServerContext* call, std::unique_ptr<EventFormat> format,
              std::string own_job);

  static grpc::ServerWriteReactor<grpc::ByteBuffer>* Start(const StreamContext& shared,
                                                           grpc::CallbackServerContext* call,
                                                           std::unique_ptr<EventFormat> format,
                                                           const std::vector<Place>& places, std::string own_job);

  void Pump();
  void PumpLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FinishLocked(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnTimer();
  void SetTimerLocked(absl::Time time) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const StreamContext shared_;
  grpc::CallbackServerContext* const call_;
  std::shared_ptr<EventStream> self_;  // until OnDone

  core::Mutex mutex_;
  const std::unique_ptr<EventFormat> format_ ABSL_PT_GUARDED_BY(mutex_);
  std::deque<grpc::ByteBuffer> to_write_ ABSL_GUARDED_BY(mutex_);  // of the event that was read last
  WatchMerger events_ ABSL_GUARDED_BY(mutex_);
  grpc::ByteBuffer message_ ABSL_GUARDED_BY(mutex_);  // gRPC's while writing_
  std::string own_job_ ABSL_GUARDED_BY(mutex_);       // cancelled when the caller goes; empty: none
  absl::Status final_status_ ABSL_GUARDED_BY(mutex_);
  absl::Status sent_away_ ABSL_GUARDED_BY(mutex_);  // not OK: it finishes so before the job has ended
  absl::Time last_write_ ABSL_GUARDED_BY(mutex_);
  core::Clock::TimerId timer_ ABSL_GUARDED_BY(mutex_) = 0;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool heartbeat_due_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace latentd::rpc
