#include "server/engine/model_registry.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/core/errors.h"
#include "server/engine/compute_threads.h"
#include "server/engine/status.h"

namespace latentd::engine {

ModelRegistry::ModelRegistry(Options options)
    : memory_budget_(options.memory_budget), observer_(options.observer), on_unloaded_(std::move(options.on_unloaded)) {
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
    for (const auto& [request, ready] : slot.waiting) ready(absl::CancelledError("the server is stopping"));
  }
}

std::vector<core::ModelInfo> ModelRegistry::List() const {
  core::MutexLock lock(mutex_);
  std::vector<core::ModelInfo> models;
  for (const auto& [name, slot] : slots_) models.push_back(Describe(slot));
  return models;
}

absl::StatusOr<core::ModelInfo> ModelRegistry::Find(const std::string& name) const {
  core::MutexLock lock(mutex_);
  const auto slot = slots_.find(name);
  if (slot == slots_.end()) return NotFound(name);
  return Describe(slot->second);
}

core::ModelInfo ModelRegistry::Describe(const Slot& slot) {
  core::ModelInfo info = slot.entry.info;
  info.state = slot.model != nullptr   ? core::ModelState::kLoaded
               : !slot.waiting.empty() ? core::ModelState::kLoading
               : info.error.ok()       ? core::ModelState::kAvailable
                                       : core::ModelState::kBroken;
  return info;
}

void ModelRegistry::Load(const std::string& name, std::function<void(absl::Status)> done) {
  Acquire(name, [done = std::move(done)](absl::StatusOr<ModelLease> lease) {
    const absl::Status status = lease.status();
    lease = absl::CancelledError();  // given back first: who is told may unload the model at once
    done(status);
  });
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
    }
  }
  changed_.NotifyAll();
  TellOfChange();
  done(status);
}

ModelRegistry::Request ModelRegistry::Acquire(const std::string& name, Ready ready) {
  absl::StatusOr<ModelLease> result = absl::UnknownError("");
  Request request = 0;
  bool is_to_come = false;  // and was not before
  {
    core::MutexLock lock(mutex_);
    request = ++last_request_;
    const auto found = slots_.find(name);
    if (found == slots_.end()) {
      result = NotFound(name);
    } else if (Slot& slot = found->second; slot.model != nullptr && (slot.leases > 0 || !OthersNeedRoom())) {
      result = Lease(name, slot);
    } else {
      // A model that nobody holds waits its turn even when it is still there, if its room may be another's by then.
      slot.waiting.emplace(request, std::move(ready));
      ready = nullptr;
      if (slot.waiting.size() == 1) {
        to_load_.push_back(name);
        changed_.NotifyAll();
        is_to_come = true;
      }
    }
  }
  if (ready) ready(std::move(result));
  if (is_to_come) TellOfChange();
  return request;
}

void ModelRegistry::Withdraw(const std::string& name, Request request) {
  {
    core::MutexLock lock(mutex_);
    const auto found = slots_.find(name);
    if (found == slots_.end() || found->second.waiting.erase(request) == 0 || !found->second.waiting.empty()) return;
    std::erase(to_load_, name);
    short_of_memory_ = false;  // until the loader has looked at the next
  }
  changed_.NotifyAll();
  TellOfChange();
}

std::optional<ModelRegistry::Borrowed> ModelRegistry::BorrowSmallest() {
  core::MutexLock lock(mutex_);
  Slot* smallest = nullptr;
  for (auto& [name, slot] : slots_) {
    if (slot.model == nullptr) continue;
    if (smallest == nullptr || slot.entry.info.memory_bytes < smallest->entry.info.memory_bytes) smallest = &slot;
  }
  if (smallest == nullptr) return std::nullopt;
  const uint64_t last_used = smallest->last_used;
  Borrowed borrowed{.info = Describe(*smallest), .lease = Lease(smallest->entry.info.name, *smallest)};
  smallest->last_used = last_used;
  return borrowed;
}

bool ModelRegistry::IsLoading() const {
  core::MutexLock lock(mutex_);
  return !to_load_.empty() && !short_of_memory_;
}

bool ModelRegistry::ShortOfMemory() const {
  core::MutexLock lock(mutex_);
  return short_of_memory_;
}

void ModelRegistry::RunLoader() {
  UseComputeThreads(1);  // reading weights must not take the engine's cores
  while (true) {
    std::string next;
    std::vector<std::shared_ptr<model::DiffusionModel>> leaving;
    {
      core::MutexLock lock(mutex_);
      while (!stopping_ && leaving_.empty() && (to_load_.empty() || !MakeRoom(to_load_.front()))) changed_.Wait(mutex_);
      if (stopping_) return;
      leaving.swap(leaving_);
      if (leaving.empty()) next = to_load_.front();  // where it stays until it is there
    }
    if (!leaving.empty()) {  // before the next model is loaded: its room must be free
      leaving.clear();
      if (on_unloaded_) on_unloaded_();
    }
    if (!next.empty()) LoadOne(next);
    TellOfChange();
  }
}

// Whether `name` may be loaded now, or be refused at once. Sends idle models away until it fits, none if it does not
// fit without them either; those are destroyed first.
bool ModelRegistry::MakeRoom(const std::string& name) {
  short_of_memory_ = false;
  if (memory_budget_ == 0 || slots_[name].model != nullptr || !CheckSize(name).ok()) return true;
  const int64_t needed = slots_[name].entry.info.memory_bytes;
  if (LoadedBytes(1) + needed > memory_budget_) {  // a lease that ends wakes the loader
    short_of_memory_ = true;
    return false;
  }
  while (LoadedBytes() + needed > memory_budget_) {
    Slot* oldest = nullptr;
    for (auto& [other, slot] : slots_) {
      if (slot.model == nullptr || slot.leases > 0) continue;
      if (oldest == nullptr || slot.last_used < oldest->last_used) oldest = &slot;
    }
    leaving_.push_back(std::exchange(oldest->model, nullptr));
  }
  return true;
}

// Whether idle models must leave before all those that wait can be loaded.
bool ModelRegistry::OthersNeedRoom() const {
  if (memory_budget_ == 0) return false;
  int64_t bytes = LoadedBytes();
  for (const std::string& name : to_load_) {
    const Slot& slot = slots_.at(name);
    if (slot.model == nullptr && CheckSize(name).ok()) bytes += slot.entry.info.memory_bytes;
  }
  return bytes > memory_budget_;
}

// False: there was none.
bool ModelRegistry::DropIdleModels() {
  std::vector<std::shared_ptr<model::DiffusionModel>> idle;
  {
    core::MutexLock lock(mutex_);
    for (auto& [name, slot] : slots_) {
      if (slot.model != nullptr && slot.leases == 0) idle.push_back(std::exchange(slot.model, nullptr));
    }
  }
  if (idle.empty()) return false;
  idle.clear();
  if (on_unloaded_) on_unloaded_();
  return true;
}

absl::Status ModelRegistry::CheckSize(const std::string& name) const {
  const core::ModelInfo& info = slots_.at(name).entry.info;
  if (CouldHold(info)) return absl::OkStatus();
  return core::MakeError(absl::StatusCode::kResourceExhausted,
                         absl::StrCat("model ", name, " takes ", info.memory_bytes,
                                      " bytes; the budget (--model-memory) is ", memory_budget_),
                         {.reason = "MODEL_TOO_LARGE", .resource_type = "model", .resource_name = name});
}

void ModelRegistry::LoadOne(const std::string& name) {
  std::function<LoadedModel()> load;
  absl::Status status;
  {
    core::MutexLock lock(mutex_);
    const Slot& slot = slots_[name];
    if (slot.model == nullptr) {  // otherwise still there from an earlier use
      status = CheckSize(name);
      load = slot.entry.load;
    }
  }
  LoadedModel loaded;
  if (load && status.ok()) {
    const auto try_load = [&] { loaded = load(); };
    status = Guarded(try_load);
    // Without a budget only the device knows when it is full.
    if (IsOutOfMemory(status) && DropIdleModels()) status = Guarded(try_load);
  }

  std::map<Request, Ready> waiting;
  std::vector<absl::StatusOr<ModelLease>> results;
  {
    core::MutexLock lock(mutex_);
    Slot& slot = slots_[name];
    if (loaded.model != nullptr) {
      slot.entry.info = std::move(loaded.info);
      slot.entry.info.memory_bytes = loaded.model->memory_bytes();
      if (memory_budget_ > 0 && LoadedBytes() + slot.entry.info.memory_bytes > memory_budget_) {
        // The files have grown, or nothing was known of them: again, with room made for what it really takes.
        std::erase(to_load_, name);
        if (!slot.waiting.empty()) to_load_.push_front(name);
        return;
      }
      slot.model = std::move(loaded.model);
      slot.load = ++loads_;
    } else if (!status.ok()) {
      // Files that are wrong stay wrong until someone mends them. Whatever else failed may go better the next time.
      slot.entry.info.error = absl::IsFailedPrecondition(status) ? status : absl::OkStatus();
    } else if (slot.model == nullptr) {
      return;  // was unloaded just now, as nobody waited; who came since is in the queue
    }
    std::erase(to_load_, name);  // who came during the load is answered, too
    waiting.swap(slot.waiting);
    for (size_t i = 0; i < waiting.size(); ++i) {
      results.push_back(status.ok() ? absl::StatusOr<ModelLease>(Lease(name, slot)) : status);
    }
  }
  auto result = results.begin();
  for (const auto& [request, ready] : waiting) ready(std::move(*result++));
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
  return ModelLease(slot.model, slot.load, [this, name] { Release(name); });
}

void ModelRegistry::Release(const std::string& name) {
  core::MutexLock lock(mutex_);
  --slots_[name].leases;
  changed_.NotifyAll();
}

int64_t ModelRegistry::LoadedBytes(int least_leases) const {
  int64_t bytes = 0;
  for (const auto& [name, slot] : slots_) {
    if (slot.model != nullptr && slot.leases >= least_leases) bytes += slot.entry.info.memory_bytes;
  }
  return bytes;
}

void ModelRegistry::SetListener(std::function<void()> on_changed) {
  core::MutexLock lock(mutex_);
  on_changed_ = std::move(on_changed);
}

void ModelRegistry::TellOfChange() {
  int64_t bytes = 0;
  std::function<void()> on_changed;
  {
    core::MutexLock lock(mutex_);
    bytes = LoadedBytes();
    on_changed = on_changed_;
  }
  if (observer_ != nullptr) observer_->OnDeviceMemory(bytes, bytes);
  if (on_changed) on_changed();
}

}  // namespace latentd::engine
