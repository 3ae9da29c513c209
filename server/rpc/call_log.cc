#include "server/rpc/call_log.h"

#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/server_context.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace latentd::rpc {
namespace {

constexpr char kRequestId[] = "x-request-id";
constexpr char kOurs[] = "/latentd.";  // not health and reflection, which are asked all the time
constexpr size_t kLongestRequestId = 128;

bool IsRequestId(const std::string& text) {
  return !text.empty() && text.size() <= kLongestRequestId &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return absl::ascii_isgraph(c); });
}

std::string ReasonOf(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  if (status.ok() || !details.ParseFromString(status.error_details())) return "";
  for (const auto& detail : details.details()) {
    if (detail.UnpackTo(&info)) return info.reason();
  }
  return "";
}

}  // namespace

// Follows one call. Its reactions come one after another, and before the context that the handlers have goes.
class CallLog::Interceptor final : public grpc::experimental::Interceptor {
 public:
  Interceptor(CallLog* log, grpc::experimental::ServerRpcInfo* info)
      : log_(log), context_(info->server_context()), began_(log->options_.clock->Now()) {
    record_.method = info->method();
    core::MutexLock lock(log_->mutex_);
    log_->open_[context_] = &record_;
  }

  ~Interceptor() override {
    {
      core::MutexLock lock(log_->mutex_);
      log_->open_.erase(context_);
    }
    record_.time = log_->options_.clock->Now() - began_;
    if (record_.code.empty()) record_.code = absl::StatusCodeToString(absl::StatusCode::kCancelled);
    if (log_->options_.sink) log_->options_.sink(record_);
  }

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    using Point = grpc::experimental::InterceptionHookPoints;
    if (methods->QueryInterceptionHookPoint(Point::POST_RECV_INITIAL_METADATA)) {
      const auto* metadata = methods->GetRecvInitialMetadata();
      const auto header = [&](const char* name) {
        const auto found = metadata->find(name);
        return found == metadata->end() ? std::string() : std::string(found->second.data(), found->second.size());
      };
      core::MutexLock lock(log_->mutex_);
      record_.peer = context_->peer();
      record_.trace = ReadTraceparent(header("traceparent"), log_->options_.random);
      record_.request_id = header(kRequestId);
      if (!IsRequestId(record_.request_id)) record_.request_id = RandomId(log_->options_.random);
    }
    bool is_refusal = false;
    if (methods->QueryInterceptionHookPoint(Point::PRE_SEND_STATUS)) {
      const grpc::Status status = methods->GetSendStatus();
      is_refusal = !status.ok();
      record_.code = absl::StatusCodeToString(static_cast<absl::StatusCode>(status.error_code()));
      record_.reason = ReasonOf(status);
    }
    // Envoy tries a refusal elsewhere only when it is trailers alone.
    if (methods->QueryInterceptionHookPoint(Point::PRE_SEND_INITIAL_METADATA) && !is_refusal) {
      methods->GetSendInitialMetadata()->emplace(kRequestId, record_.request_id);
    }
    methods->Proceed();
  }

 private:
  CallLog* const log_;
  grpc::ServerContextBase* const context_;
  const absl::Time began_;
  CallRecord record_;  // under the log's lock while it is known there
};

class CallLog::Factory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit Factory(CallLog* log) : log_(log) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(grpc::experimental::ServerRpcInfo* info) override {
    return absl::StartsWith(info->method(), kOurs) ? new Interceptor(log_, info) : nullptr;
  }

 private:
  CallLog* const log_;
};

std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> CallLog::Interceptors() {
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(std::make_unique<Factory>(this));
  return interceptors;
}

void CallLog::NoteCaller(const grpc::ServerContextBase& call, const core::Caller& caller) {
  core::MutexLock lock(mutex_);
  if (CallRecord* record = Find(call)) {
    record->tenant = caller.tenant;
    record->caller = caller.id;
  }
}

void CallLog::NoteJob(const grpc::ServerContextBase& call, const std::string& job) {
  core::MutexLock lock(mutex_);
  if (CallRecord* record = Find(call)) record->job = job;
}

std::string CallLog::TraceIdOf(const grpc::ServerContextBase& call) const {
  core::MutexLock lock(mutex_);
  const CallRecord* record = Find(call);
  return record == nullptr ? "" : record->trace.trace_id;
}

CallRecord* CallLog::Find(const grpc::ServerContextBase& call) const {
  const auto found = open_.find(&call);
  return found == open_.end() ? nullptr : found->second;
}

}  // namespace latentd::rpc
