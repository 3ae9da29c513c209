#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
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
  Executor* executor;  // where notifications are acted on: nothing waits there
  Executor* calls;     // where the store is called, which may have to be waited for
  OpenStreams* open;
  absl::Duration heartbeat;          // a stream that is quiet for this long gets a Heartbeat
  absl::Duration write_stall_limit;  // a write that takes longer ends the call
};

// One call's stream of events: pulls one event at a time from its jobs' histories, when the one before has left. So a
// slow reader holds one event, as messages, and its places in the histories, and keeps nobody waiting.
//
// How it holds together:
//   * The object owns itself until OnDone. Notifications and timers, which may come later, hold it weakly.
//   * What may have to wait for the store (opening, cancelling, letting go) is done on `calls`; meanwhile nothing is
//   written, and the call is not finished.
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

  // What a stream is about.
  struct Subject {
    std::vector<Place> places{};
    std::string own_job{};  // the caller's own: his going cancels it, and the call finishes as it ended. Empty: none
    std::unique_ptr<EventFormat> format = std::make_unique<EventMessages>();

    // A job and its caller.
    static Subject Own(const std::string& job,
                       std::unique_ptr<EventFormat> format = std::make_unique<EventMessages>()) {
      return {.places = {{.job = job}}, .own_job = job, .format = std::move(format)};
    }
  };

  // Streams what comes after the places that `find` gives; it is called once at most, on StreamContext::calls, and may
  // use the call and its request. Finishes with its error; NOT_FOUND when a job is unknown or deleted before its end
  // was read; OK after the last job's terminal event.
  static grpc::ServerWriteReactor<grpc::ByteBuffer>* Start(const StreamContext& shared,
                                                           grpc::CallbackServerContext* call,
                                                           std::function<absl::StatusOr<Subject>()> find);

  // No stream at all: finishes with `status`.
  static grpc::ServerWriteReactor<grpc::ByteBuffer>* Refuse(grpc::CallbackServerContext* call,
                                                            const absl::Status& status);

  void End(const absl::Status& status) override;

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  EventStream(const StreamContext& shared, grpc::CallbackServerContext* call);

  // On `calls`.
  void Open(const std::function<absl::StatusOr<Subject>()>& find);
  void CancelJob(const std::string& job);

  // The caller has gone.
  void Leave();
  void Pump();
  void PumpLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // It breaks off before its jobs have ended.
  void BreakOffLocked(const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CancelOwnJobLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FinishLocked(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnTimer();
  void SetTimerLocked(absl::Time time) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const StreamContext shared_;
  grpc::CallbackServerContext* const call_;
  std::shared_ptr<EventStream> self_;  // until OnDone

  core::Mutex mutex_;
  Subject subject_ ABSL_GUARDED_BY(mutex_);
  std::deque<grpc::ByteBuffer> to_write_ ABSL_GUARDED_BY(mutex_);  // of the event that was read last
  std::unique_ptr<WatchMerger> events_ ABSL_GUARDED_BY(mutex_);    // null before it is open, and after OnDone
  grpc::ByteBuffer message_ ABSL_GUARDED_BY(mutex_);               // gRPC's while writing_
  absl::Status final_status_ ABSL_GUARDED_BY(mutex_);
  absl::Status sent_away_ ABSL_GUARDED_BY(mutex_);   // not OK: it is to break off so
  absl::Status broken_off_ ABSL_GUARDED_BY(mutex_);  // not OK: it did, and finishes so
  absl::Time last_write_ ABSL_GUARDED_BY(mutex_);
  core::Clock::TimerId timer_ ABSL_GUARDED_BY(mutex_) = 0;
  bool opening_ ABSL_GUARDED_BY(mutex_) = true;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool heartbeat_due_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelling_job_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace latentd::rpc
