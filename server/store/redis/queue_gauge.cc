#include "server/store/redis/queue_gauge.h"

namespace latentd::store {

void QueueGauge::SetLine(const std::map<std::string, Waiting>& line) {
  core::MutexLock lock(mutex_);
  for (const auto& [model, waiting] : line) models_.try_emplace(model);
  for (auto& [model, waiting] : models_) {
    const auto now = line.find(model);
    waiting.line = now == line.end() ? Waiting() : now->second;
    Tell(model, waiting);
  }
}

void QueueGauge::AddOwn(const std::string& model, int64_t pixel_steps, int sign) {
  core::MutexLock lock(mutex_);
  OfModel& waiting = models_[model];
  waiting.own.jobs += sign;
  waiting.own.pixel_steps += sign * pixel_steps;
  Tell(model, waiting);
}

void QueueGauge::Tell(const std::string& model, const OfModel& waiting) {
  if (observer_ == nullptr) return;
  observer_->OnQueuedWork(model, waiting.line.jobs + waiting.own.jobs,
                          waiting.line.pixel_steps + waiting.own.pixel_steps);
}

}  // namespace latentd::store
