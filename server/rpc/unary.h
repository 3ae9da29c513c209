#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/core/caller.h"
#include "server/core/mutex.h"
#include "server/rpc/executor.h"
#include "server/rpc/gate.h"
#include "server/rpc/status.h"
#include "server/rpc/wire.h"

namespace latentd::rpc {

// The message of a caller who may send it, with who that is. Errors of `gate` come first.
template <typename Request>
absl::StatusOr<core::Caller> AdmitAndParse(const Gate& gate, std::optional<core::Role> role,
                                           const grpc::CallbackServerContext& context, const grpc::ByteBuffer& request,
                                           Request& message) {
  absl::StatusOr<core::Caller> caller = gate.Admit(context, role);
  if (!caller.ok()) return caller;
  if (absl::Status parsed = Parse(request, message); !parsed.ok()) return parsed;
  return caller;
}

// What `answer` gives for the caller's message, into `response`. Its error, or that the message is none.
template <typename Request, typename Function>
absl::Status Reply(const core::Caller& caller, const grpc::ByteBuffer& request, grpc::ByteBuffer& response,
                   const Function& answer) {
  Request message;
  if (absl::Status parsed = Parse(request, message); !parsed.ok()) return parsed;
  const auto reply = answer(caller, std::as_const(message));
  if (reply.ok()) response = Serialize(*reply);
  return reply.status();
}

// Serves a unary RPC whose answer needs no waiting: `answer` takes the caller, who has `role`, and a Request, and gives
// an absl::StatusOr of a message.
//
//   return Answer<v1::GetJobRequest>(gate_, core::Role::kRead, context, request, response,
//                                    [&](const core::Caller& caller, const v1::GetJobRequest& get) { … });
template <typename Request, typename Function>
grpc::ServerUnaryReactor* Answer(const Gate& gate, std::optional<core::Role> role, grpc::CallbackServerContext* context,
                                 const grpc::ByteBuffer* request, grpc::ByteBuffer* response, const Function& answer) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const absl::StatusOr<core::Caller> caller = gate.Admit(*context, role);
  const absl::Status status = caller.ok() ? Reply<Request>(*caller, *request, *response, answer) : caller.status();
  reactor->Finish(ToGrpcStatus(status, *context));
  return reactor;
}

// The same for an answer that may have to be waited for: it is made on `executor`, unless the caller has gone by then.
template <typename Request, typename Function>
grpc::ServerUnaryReactor* AnswerOn(Executor& executor, const Gate& gate, std::optional<core::Role> role,
                                   grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response, const Function& answer) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const absl::StatusOr<core::Caller> caller = gate.Admit(*context, role);
  if (!caller.ok()) {
    reactor->Finish(ToGrpcStatus(caller.status(), *context));
    return reactor;
  }
  // All that gRPC gave stays until Finish.
  executor.Post([context, request, response, reactor, caller = *caller, answer] {
    const absl::Status status = context->IsCancelled() ? absl::CancelledError("the caller ended the call")
                                                       : Reply<Request>(caller, *request, *response, answer);
    reactor->Finish(ToGrpcStatus(status, *context));
  });
  return reactor;
}

// A unary call whose answer comes later, from any thread, and perhaps after the caller has gone. Owns itself until the
// call is over; who answers holds it as well.
class LateAnswer : public grpc::ServerUnaryReactor {
 public:
  static std::shared_ptr<LateAnswer> Create(grpc::CallbackServerContext* context, grpc::ByteBuffer* response) {
    std::shared_ptr<LateAnswer> call(new LateAnswer(context, response));
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
