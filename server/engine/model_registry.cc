#include "server/engine/model_registry.h"

#include <omp.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/core/errors.h"
#include "server/engine/status.h"

namespace latentd::engine {

ModelRegistry::ModelRegistry(Options options) : memory_budget_(options.memory_budget), observer_(options.observer) {
  for (ModelEntry& entry : options.models) {
    const std::string name = entry.info.name;
    slots_[name].entry = std::move(entry);
  }
  loader_ = std::thread([this] { RunLoader(); });
}

ModelRegistry::~ModelRegistry() {
  {
    core::MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  loader_.join();
  for (auto& [name, slot] : slots_) {
    for (Ready& ready : slot.waiting) ready(absl::CancelledError("the server is stopping"));
  }
}

std::vector<core::ModelInfo> ModelRegistry::List() const {
  core::MutexLock lock(mutex_);
  std::vector<core::ModelInfo> models;
  for (const auto& [name, slot] : slots_) models.push_back(slot.entry.info);
  return models;
}

absl::StatusOr<core::ModelInfo> ModelRegistry::Find(const std::string& name) const {
  core::MutexLock lock(mutex_);
  const auto slot = slots_.find(name);
  if (slot == slots_.end()) return NotFound(name);
  return slot->second.entry.info;
}

void ModelRegistry::Load(const std::string& name, std::function<void(absl::Status)> done) {
  Acquire(name, [done = std::move(done)](const absl::StatusOr<ModelLease>& lease) { done(lease.status()); });
}

void ModelRegistry::Unload(const std::string& name, std::function<void(absl::Status)> done) {
  absl::Status status;
  {
    core::MutexLock lock(mutex_);
    const auto found = slots_.find(name);
    if (found == slots_.end()) {
      status = NotFound(name);
    } else if (Slot& slot = found->second; slot.leases > 0 || !slot.waiting.empty()) {
      status = core::MakeError(absl::StatusCode::kFailedPrecondition, absl::StrCat("model ", name, " is in use"),
                               {.reason = "MODEL_IN_USE", .resource_type = "model", .resource_name = name});
    } else if (slot.model != nullptr) {
      leaving_.push_back(std::exchange(slot.model, nullptr));
      slot.entry.info.state = core::ModelState::kAvailable;
    }
  }
  changed_.NotifyAll();
  ReportMemory();
  done(status);
}

void ModelRegistry::Acquire(const std::string& name, Ready ready) {
  absl::StatusOr<ModelLease> result = absl::UnknownError("");
  {
    core::MutexLock lock(mutex_);
    const auto found = slots_.find(name);
    if (found == slots_.end()) {
      result = NotFound(name);
    } else if (Slot& slot = found->second; slot.model != nullptr && (slot.leases > 0 || to_load_.empty())) {
      result = Lease(name, slot);
    } else {
      // A model that nobody holds waits its turn even when it is still there: its room may be another's by then.
      slot.waiting.push_back(std::move(ready));
      if (slot.waiting.size() == 1) {
        if (slot.model == nullptr) slot.entry.info.state = core::ModelState::kLoading;
        to_load_.push_back(name);
        changed_.NotifyAll();
      }
      return;
    }
  }
  ready(std::move(result));
}

bool ModelRegistry::ShortOfMemory() const {
  core::MutexLock lock(mutex_);
  return short_of_memory_;
}

void ModelRegistry::RunLoader() {
  omp_set_num_threads(1);  // of this thread: reading weights must not take the engine's cores
  while (true) {
    std::string next;
    std::vector<std::shared_ptr<model::DiffusionModel>> leaving;
    {
      core::MutexLock lock(mutex_);
      while (!stopping_ && leaving_.empty() && (to_load_.empty() || !MakeRoom(to_load_.front()))) changed_.Wait(mutex_);
      if (stopping_) return;
      leaving.swap(leaving_);
      if (leaving.empty()) {
        next = to_load_.front();
        to_load_.pop_front();
      }
    }
    leaving.clear();  // before the next model is loaded: its room must be free
    if (!next.empty()) LoadOne(next);
    ReportMemory();
  }
}

// Whether `name` may be loaded now, or be refused at once. Sends idle models away until it fits; those are destroyed
// first.
bool ModelRegistry::MakeRoom(const std::string& name) {
  short_of_memory_ = false;
  if (memory_budget_ == 0 || slots_[name].model != nullptr) return true;
  const int64_t needed = slots_[name].entry.info.memory_bytes;
  if (needed > memory_budget_) return true;  // never fits: LoadOne says so
  while (LoadedBytes() + needed > memory_budget_) {
    Slot* oldest = nullptr;
    for (auto& [other, slot] : slots_) {
      if (slot.model == nullptr || slot.leases > 0) continue;
      if (oldest == nullptr || slot.last_used < oldest->last_used) oldest = &slot;
    }
    if (oldest == nullptr) {  // all in use: a lease that ends wakes the loader
      short_of_memory_ = true;
      return false;
    }
    leaving_.push_back(std::exchange(oldest->model, nullptr));
    oldest->entry.info.state = core::ModelState::kAvailable;
  }
  return true;
}

void ModelRegistry::LoadOne(const std::string& name) {
  std::function<std::shared_ptr<model::DiffusionModel>()> load;
  std::shared_ptr<model::DiffusionModel> model;
  absl::Status status;
  {
    core::MutexLock lock(mutex_);
    const core::ModelInfo& info = slots_[name].entry.info;
    load = slots_[name].entry.load;
    model = slots_[name].model;
    if (model != nullptr) {
      // Still there from an earlier use.
    } else if (memory_budget_ > 0 && info.memory_bytes > memory_budget_) {
      status = core::MakeError(absl::StatusCode::kResourceExhausted,
                               absl::StrCat("model ", name, " takes ", info.memory_bytes,
                                            " bytes; the budget (--model-memory) is ", memory_budget_),
                               {.reason = "MODEL_TOO_LARGE", .resource_type = "model", .resource_name = name});
    }
  }
  if (status.ok() && model == nullptr) status = Guarded([&] { model = load(); });

  std::vector<Ready> waiting;
  std::vector<absl::StatusOr<ModelLease>> results;
  {
    core::MutexLock lock(mutex_);
    Slot& slot = slots_[name];
    waiting.swap(slot.waiting);
    slot.entry.info.error = status;
    if (status.ok()) {
      slot.model = std::move(model);
      slot.entry.info.state = core::ModelState::kLoaded;
      slot.entry.info.memory_bytes = slot.model->memory_bytes();
      for (size_t i = 0; i < waiting.size(); ++i) results.emplace_back(Lease(name, slot));
    } else {
      // Too little room, of any kind, is not the folder's fault: the next caller may have more luck.
      const bool broken = status.code() != absl::StatusCode::kResourceExhausted;
      slot.entry.info.state = broken ? core::ModelState::kBroken : core::ModelState::kAvailable;
      for (size_t i = 0; i < waiting.size(); ++i) results.emplace_back(status);
    }
  }
  for (size_t i = 0; i < waiting.size(); ++i) waiting[i](std::move(results[i]));
}

absl::Status ModelRegistry::NotFound(const std::string& name) const {
  const std::string known =
      absl::StrJoin(slots_, ", ", [](std::string* out, const auto& slot) { absl::StrAppend(out, slot.first); });
  return core::MakeError(absl::StatusCode::kNotFound,
                         absl::StrCat("there is no model '", name, "'; there are: ", known),
                         {.reason = "MODEL_NOT_FOUND", .resource_type = "model", .resource_name = name});
}

ModelLease ModelRegistry::Lease(const std::string& name, Slot& slot) {
  ++slot.leases;
  slot.last_used = ++uses_;
  return ModelLease(slot.model, [this, name] { Release(name); });
}

void ModelRegistry::Release(const std::string& name) {
  core::MutexLock lock(mutex_);
  --slots_[name].leases;
  changed_.NotifyAll();
}

int64_t ModelRegistry::LoadedBytes() const {
  int64_t bytes = 0;
  for (const auto& [name, slot] : slots_) {
    if (slot.model != nullptr) bytes += slot.entry.info.memory_bytes;
  }
  return bytes;
}

void ModelRegistry::ReportMemory() {
  if (observer_ == nullptr) return;
  int64_t bytes = 0;
  {
    core::MutexLock lock(mutex_);
    bytes = LoadedBytes();
  }
  observer_->OnDeviceMemory(bytes, bytes);
}

}  // namespace latentd::engine
