#include "server/log_events.h"

#include <initializer_list>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "server/core/errors.h"
#include "server/log/log.h"

namespace latentd {
namespace {

// Leaves out what is not known.
void AddTexts(log::Fields& fields, std::initializer_list<std::pair<const char*, std::string>> texts) {
  for (const auto& [key, text] : texts) {
    if (!text.empty()) fields.emplace_back(key, text);
  }
}

}  // namespace

void LogCall(const rpc::CallRecord& call) {
  log::Fields fields = {{"method", call.method}, {"code", call.code}, {"seconds", absl::ToDoubleSeconds(call.time)}};
  AddTexts(fields, {{"reason", call.reason},
                    {"job", call.job},
                    {"tenant", call.tenant},
                    {"caller", call.caller},
                    {"peer", call.peer},
                    {"request_id", call.request_id},
                    {"trace_id", call.trace.trace_id},
                    {"span_id", call.trace.span_id},
                    {"parent_span_id", call.trace.parent_span_id}});
  log::Info("call", fields);
}

void LogJob(const core::Job& job) {
  log::Fields fields = {{"job", job.name},
                        {"model", job.request->model()},
                        {"state", core::Name(job.state)},
                        {"seconds", absl::ToDoubleSeconds(*job.end_time - job.create_time)},
                        {"queue_seconds", absl::ToDoubleSeconds(job.usage->queue_time)},
                        {"pixel_evaluations", job.usage->pixel_evaluations}};
  AddTexts(fields,
           {{"reason", core::GetErrorDetails(job.error).reason}, {"tenant", job.tenant}, {"trace_id", job.trace_id}});
  log::Info("job ended", fields);
}

void LogJobStore(const absl::Status& status) {
  if (status.ok()) return log::Info("the store of jobs is there");
  log::Error("the store of jobs cannot be used", {{"error", std::string(status.message())}});
}

void LogUnable(const std::string& job, const absl::Status& status) {
  log::Warn("a job cannot be run here", {{"job", job}, {"error", std::string(status.message())}});
}

void LogRefusal(const absl::Status& status) {
  log::Error("the store of jobs has refused a command", {{"error", std::string(status.message())}});
}

void LogReload(const absl::Status& status) {
  log::Error("a file that changed cannot be used", {{"error", std::string(status.message())}});
}

}  // namespace latentd
