#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/pipeline/diffusion_model.h"
#include "server/core/model_catalog.h"
#include "server/core/mutex.h"
#include "server/core/observer.h"

namespace latentd::engine {

struct LoadedModel {
  core::ModelInfo info;  // as the files say now
  std::shared_ptr<model::DiffusionModel> model;
};

// A model that was found, and how to bring it to the device.
struct ModelEntry {
  core::ModelInfo info;  // state kAvailable, or kBroken with its error
  // Runs on the loader thread; throws what model/ throws. Called for broken models too: their files may have been
  // mended.
  std::function<LoadedModel()> load;
};

// Keeps a model on the device while it lives. Move-only, may be destroyed on any thread.
class ModelLease {
 public:
  ModelLease() = default;
  ModelLease(std::shared_ptr<model::DiffusionModel> model, uint64_t load, std::function<void()> release)
      : model_(std::move(model)), load_(load), release_(std::move(release)) {}
  ModelLease(ModelLease&& other) noexcept { *this = std::move(other); }
  ModelLease& operator=(ModelLease&& other) noexcept {
    std::swap(model_, other.model_);
    std::swap(load_, other.load_);
    std::swap(release_, other.release_);
    return *this;
  }
  ~ModelLease() {
    model_ = nullptr;
    if (release_) release_();
  }

  model::DiffusionModel& operator*() const { return *model_; }
  model::DiffusionModel* operator->() const { return model_.get(); }
  explicit operator bool() const { return model_ != nullptr; }
  const std::shared_ptr<model::DiffusionModel>& shared() const { return model_; }

  // Differs between two loads: the files may have changed in between.
  uint64_t load() const { return load_; }

 private:
  std::shared_ptr<model::DiffusionModel> model_;
  uint64_t load_ = 0;
  std::function<void()> release_;
};

// The models of the process and what of them is on the device: loads on use, one at a time, on a thread of its own;
// when the memory budget is full, models that nobody holds leave, least recently used first. A model that is held never
// leaves: who needs its room waits. Thread-safe.
class ModelRegistry : public core::ModelCatalog {
 public:
  struct Options {
    std::vector<ModelEntry> models;
    int64_t memory_budget = 0;  // bytes of weights; 0: what the device can hold
    core::Observer* observer = nullptr;
    // Models have left the device. Called on the loader thread, before the next is loaded; may be null, must not block.
    std::function<void()> on_unloaded = {};
  };

  explicit ModelRegistry(Options options);

  // Answers what still waits with CANCELLED. REQUIRES: every lease is gone.
  ~ModelRegistry() override;

  std::vector<core::ModelInfo> List() const override;
  absl::StatusOr<core::ModelInfo> Find(const std::string& name) const override;
  void Load(const std::string& name, std::function<void(absl::Status)> done) override;
  void Unload(const std::string& name, std::function<void(absl::Status)> done) override;

  // Like Load, and keeps the model on the device while the lease lives. `ready` is called once: at once when the model
  // is there, otherwise on the loader thread. It must not block.
  using Ready = std::function<void(absl::StatusOr<ModelLease>)>;
  using Request = uint64_t;
  Request Acquire(const std::string& name, Ready ready);

  // Waits no more: what nobody waits for is not loaded. `ready` may be under way on the loader thread, or done.
  void Withdraw(const std::string& name, Request request);

  // The smallest of the models on the device, which stays while the lease lives; not counted as a use, so that idle
  // models leave in the same order. Empty when there is none.
  struct Borrowed {
    core::ModelInfo info;
    ModelLease lease;
  };
  std::optional<Borrowed> BorrowSmallest();

  // Who is told after models came or went, or are or are not to come; null for nobody. On the loader's thread or inside
  // a call of this; must not block. The former one may still be told once.
  void SetListener(std::function<void()> on_changed);

  // Whether a model is on its way to the device; or waits to be and finds no room, since those on the device are held.
  bool IsLoading() const;
  bool ShortOfMemory() const;
  // Whether the budget is large enough for it, alone.
  bool CouldHold(const core::ModelInfo& model) const {
    return memory_budget_ == 0 || model.memory_bytes <= memory_budget_;
  }

 private:
  struct Slot {
    ModelEntry entry;
    std::shared_ptr<model::DiffusionModel> model;  // null: not on the device
    uint64_t load = 0;
    int leases = 0;
    uint64_t last_used = 0;
    std::map<Request, Ready> waiting;
  };

  static core::ModelInfo Describe(const Slot& slot);

  void RunLoader();
  void LoadOne(const std::string& name);
  bool MakeRoom(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool OthersNeedRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool DropIdleModels();
  absl::Status CheckSize(const std::string& name) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status NotFound(const std::string& name) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  ModelLease Lease(const std::string& name, Slot& slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Release(const std::string& name);
  // Of the models on the device that have at least so many leases.
  int64_t LoadedBytes(int least_leases = 0) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TellOfChange();

  const int64_t memory_budget_;
  core::Observer* const observer_;
  const std::function<void()> on_unloaded_;

  mutable core::Mutex mutex_;
  core::CondVar changed_;
  std::map<std::string, Slot> slots_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::string> to_load_ ABSL_GUARDED_BY(mutex_);
  // Models that left: destroyed by the loader thread, outside the lock.
  std::vector<std::shared_ptr<model::DiffusionModel>> leaving_ ABSL_GUARDED_BY(mutex_);
  uint64_t uses_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t loads_ ABSL_GUARDED_BY(mutex_) = 0;
  Request last_request_ ABSL_GUARDED_BY(mutex_) = 0;
  bool short_of_memory_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::function<void()> on_changed_ ABSL_GUARDED_BY(mutex_);

  std::thread loader_;
};

}  // namespace latentd::engine
