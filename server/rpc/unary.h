#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/core/mutex.h"
#include "server/rpc/status.h"
#include "server/rpc/wire.h"

namespace latentd::rpc {

// Serves a unary RPC whose answer needs no waiting: `answer` takes a Request and gives an absl::StatusOr of a message.
//
//   return Answer<v1::GetJobRequest>(context, request, response, [&](const v1::GetJobRequest& get) { … });
template <typename Request, typename Function>
grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                 grpc::ByteBuffer* response, const Function& answer) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  Request message;
  absl::Status status = Parse(*request, message);
  if (status.ok()) {
    const auto reply = answer(std::as_const(message));
    status = reply.status();
    if (status.ok()) *response = Serialize(*reply);
  }
  reactor->Finish(ToGrpcStatus(status, *context));
  return reactor;
}

// A unary call whose answer comes later, from any thread, and perhaps after the caller has gone. Owns itself until the
// call is over; who answers holds it as well.
class LateAnswer : public grpc::ServerUnaryReactor {
 public:
  static std::shared_ptr<LateAnswer> Create(grpc::CallbackServerContext* context, grpc::ByteBuffer* response) {
    const std::shared_ptr<LateAnswer> call(new LateAnswer(context, response));
    call->self_ = call;
    return call;
  }

  // The first answer counts.
  template <typename Message>
  void Give(const absl::StatusOr<Message>& reply) {
    core::MutexLock lock(mutex_);
    if (finished_) return;
    if (reply.ok()) *response_ = Serialize(*reply);
    FinishLocked(reply.status());
  }

  bool finished() {
    core::MutexLock lock(mutex_);
    return finished_;
  }

  void OnCancel() override {
    core::MutexLock lock(mutex_);
    if (!finished_) FinishLocked(absl::CancelledError("the caller ended the call"));
  }

  void OnDone() override { self_.reset(); }

 private:
  LateAnswer(grpc::CallbackServerContext* context, grpc::ByteBuffer* response)
      : context_(context), response_(response) {}

  void FinishLocked(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    finished_ = true;
    Finish(ToGrpcStatus(status, *context_));
  }

  grpc::CallbackServerContext* const context_;
  grpc::ByteBuffer* const response_;
  std::shared_ptr<LateAnswer> self_;
  core::Mutex mutex_;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace latentd::rpc
