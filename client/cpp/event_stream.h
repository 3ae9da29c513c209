#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cpp/generation.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/client_callback.h"
#include "latentd/v1/image_generation.grpc.pb.h"

namespace latentd::client {

// One WatchJob call, read message by message: the next one is asked for when the last was taken, so that a slow caller
// holds back the server and not this process's memory.
//
// For one caller's thread; gRPC's threads meet it in the reactions below.
class EventStream : private grpc::ClientReadReactor<v1::Event> {
 public:
  // Starts the call. REQUIRES: `stub` outlives the stream.
  EventStream(v1::ImageGeneration::StubInterface& stub, const v1::WatchJobRequest& request, const Metadata& metadata);
  // Cancels the call if it is still on, and waits until gRPC has let go of it.
  ~EventStream() override;

  enum class Outcome { kEvent, kEnded, kSilent, kStopped };

  // Waits for the next message and moves it to `event`. kSilent: nothing came for `patience`; kStopped: `stop` was
  // requested. After those two the wait may be taken up again.
  Outcome Read(v1::Event& event, absl::Duration patience, const std::stop_token& stop);

  // How the call ended. REQUIRES: Read returned kEnded.
  absl::Status status() const { return status_; }

 private:
  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  const v1::WatchJobRequest request_;
  grpc::ClientContext context_;
  v1::Event message_;  // gRPC's from StartRead to OnReadDone, the caller's in between

  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool ready_ = false;      // message_ holds an event that was not taken
  bool abandoned_ = false;  // nothing will be taken any more
  bool done_ = false;
  absl::Status status_;
};

}  // namespace latentd::client
