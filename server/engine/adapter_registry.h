#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/adapters/adapter.h"
#include "model/pipeline/diffusion_model.h"
#include "server/core/adapter.h"
#include "server/core/mutex.h"
#include "server/core/observer.h"

namespace latentd::engine {

// An adapter that was found, and how to bring it to a model's device. Both functions run on the loader thread and throw
// what model/ throws.
struct AdapterEntry {
  core::AdapterInfo info;
  std::function<std::string()> content_hash;  // differs when the files do
  std::function<std::shared_ptr<const model::Adapter>(const model::DiffusionModel&)> load;
};

// A model that adapters are loaded for. `load` tells its loads apart (ModelLease::load).
struct AdaptedModel {
  std::shared_ptr<const model::DiffusionModel> model;
  uint64_t load = 0;
};

// Keeps adapters on the device while it lives. Move-only, may be destroyed on any thread.
class AdapterLease {
 public:
  struct Held {
    std::shared_ptr<const model::Adapter> adapter;
    std::string content_hash;
  };
  using Adapters = std::map<std::string, Held>;  // by name

  AdapterLease() = default;
  AdapterLease(Adapters adapters, std::function<void()> release)
      : adapters_(std::move(adapters)), release_(std::move(release)) {}
  AdapterLease(AdapterLease&& other) noexcept { *this = std::move(other); }
  AdapterLease& operator=(AdapterLease&& other) noexcept {
    std::swap(adapters_, other.adapters_);
    std::swap(release_, other.release_);
    return *this;
  }
  ~AdapterLease() {
    adapters_.clear();
    if (release_) release_();
  }

  const Adapters& adapters() const { return adapters_; }

 private:
  Adapters adapters_;
  std::function<void()> release_;
};

// The adapters of the process and what of them is on the device. They load while their job waits, on a thread of its
// own, and stay for the next job: known by the hash of their content, so that a file that was replaced is read again
// and two names of one file are one. When the memory budget is full, those that no job holds leave, least recently used
// first. Thread-safe.
class AdapterRegistry : public core::AdapterCatalog {
 public:
  struct Options {
    std::vector<AdapterEntry> adapters;
    int64_t memory_budget = 0;           // bytes of weights; 0: what the device can hold
    core::Observer* observer = nullptr;  // may be null
  };

  explicit AdapterRegistry(Options options);

  // Answers what still waits with CANCELLED. REQUIRES: every lease is gone.
  ~AdapterRegistry() override;

  std::vector<core::AdapterInfo> ListAdapters() const override;
  absl::StatusOr<core::AdapterInfo> FindAdapter(const std::string& name) const override;

  // Brings all of `names` to the model's device. `ready` is called once, on the loader thread, and must not block: with
  // the lease, or why there is none: NOT_FOUND, FAILED_PRECONDITION (the adapter's files are wrong, or do not fit the
  // model; reason ADAPTER_UNUSABLE), RESOURCE_EXHAUSTED (more than the budget). A job's adapters come together, so that
  // two jobs never wait for each other's.
  using Ready = std::function<void(absl::StatusOr<AdapterLease>)>;
  using Request = uint64_t;
  Request Acquire(std::vector<std::string> names, AdaptedModel model, Ready ready);

  // Waits no more. `ready` may be under way on the loader thread, or done.
  void Withdraw(Request request);

  // Lets the adapters of models that are gone leave the device; those that jobs hold leave with the last one.
  void DropOrphans();

  // Of the weights that are on the device.
  int64_t LoadedBytes() const;

 private:
  struct Key {
    uint64_t load = 0;  // of the model
    std::string content_hash;

    auto operator<=>(const Key&) const = default;
  };
  struct Loaded {
    std::shared_ptr<const model::Adapter> adapter;
    std::weak_ptr<const model::DiffusionModel> model;
    int64_t bytes = 0;
    int leases = 0;
    uint64_t last_used = 0;
  };
  struct Waiting {
    Request request = 0;
    std::vector<std::string> names;
    AdaptedModel model;
    Ready ready;
  };
  using Keys = std::map<std::string, Key>;  // by name; several names may be of one content
  using Leaving = std::vector<std::shared_ptr<const model::Adapter>>;

  void RunLoader();
  absl::StatusOr<AdapterLease> Serve(const Waiting& waiting);
  // Holds those of `keys` that are on the device, and waits until there is room for the others, which it gives.
  absl::StatusOr<Keys> Hold(const Waiting& waiting, const Keys& keys);
  absl::Status Load(const std::string& name, const Key& key, const AdaptedModel& model);
  void Release(const std::set<Key>& keys);

  bool IsWanted(Request request) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes out what nobody holds: of models that are gone, and, least recently used first, until `allowed` bytes are
  // left.
  Leaving Evict(int64_t allowed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int64_t Bytes(int least_leases) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Tell(int loaded, int evicted) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int64_t memory_budget_;
  core::Observer* const observer_;
  std::map<std::string, AdapterEntry> entries_;  // by name; constant

  mutable core::Mutex mutex_;
  core::CondVar changed_;
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  std::map<Key, Loaded> loaded_ ABSL_GUARDED_BY(mutex_);
  uint64_t uses_ ABSL_GUARDED_BY(mutex_) = 0;
  Request last_request_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread loader_;
};

}  // namespace latentd::engine
