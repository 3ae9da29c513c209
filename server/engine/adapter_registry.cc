#include "server/engine/adapter_registry.h"

#include <iterator>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/core/errors.h"
#include "server/engine/compute_threads.h"
#include "server/engine/status.h"

namespace latentd::engine {
namespace {

absl::Status AdapterError(absl::StatusCode code, const std::string& name, absl::string_view what,
                          const std::string& reason) {
  return core::MakeError(code, absl::StrCat("adapter ", name, ": ", what),
                         {.reason = reason, .resource_type = "adapter", .resource_name = name});
}

// What model/ threw about an adapter, as a caller is told it.
absl::Status Unusable(const std::string& name, const absl::Status& status) {
  if (!absl::IsFailedPrecondition(status)) return status;
  const std::string what(status.message());
  return AdapterError(absl::StatusCode::kFailedPrecondition, name, what, "ADAPTER_UNUSABLE");
}

}  // namespace

AdapterRegistry::AdapterRegistry(Options options) : memory_budget_(options.memory_budget), observer_(options.observer) {
  for (AdapterEntry& entry : options.adapters) {
    const std::string name = entry.info.name;
    entries_[name] = std::move(entry);
  }
  loader_ = std::thread([this] { RunLoader(); });
}

AdapterRegistry::~AdapterRegistry() {
  {
    core::MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  loader_.join();
  for (const Waiting& waiting : waiting_) waiting.ready(absl::CancelledError("the server is stopping"));
}

std::vector<core::AdapterInfo> AdapterRegistry::ListAdapters() const {
  std::vector<core::AdapterInfo> adapters;
  for (const auto& [name, entry] : entries_) adapters.push_back(entry.info);
  return adapters;
}

absl::StatusOr<core::AdapterInfo> AdapterRegistry::FindAdapter(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found != entries_.end()) return found->second.info;
  const std::string known =
      absl::StrJoin(entries_, ", ", [](std::string* out, const auto& entry) { absl::StrAppend(out, entry.first); });
  return AdapterError(absl::StatusCode::kNotFound, name,
                      entries_.empty() ? "there are none" : absl::StrCat("not found; there are: ", known),
                      "ADAPTER_NOT_FOUND");
}

AdapterRegistry::Request AdapterRegistry::Acquire(std::vector<std::string> names, AdaptedModel model, Ready ready) {
  core::MutexLock lock(mutex_);
  const Request request = ++last_request_;
  waiting_.push_back(
      {.request = request, .names = std::move(names), .model = std::move(model), .ready = std::move(ready)});
  changed_.NotifyAll();
  return request;
}

void AdapterRegistry::Withdraw(Request request) {
  core::MutexLock lock(mutex_);
  std::erase_if(waiting_, [&](const Waiting& each) { return each.request == request; });
  changed_.NotifyAll();
}

void AdapterRegistry::DropOrphans() {
  Leaving leaving;  // destroyed outside the lock
  core::MutexLock lock(mutex_);
  leaving = Evict(std::numeric_limits<int64_t>::max());
}

int64_t AdapterRegistry::LoadedBytes() const {
  core::MutexLock lock(mutex_);
  return Bytes(0);
}

void AdapterRegistry::RunLoader() {
  UseComputeThreads(1);  // reading weights must not take the engine's cores
  while (true) {
    Waiting next;
    {
      core::MutexLock lock(mutex_);
      while (!stopping_ && waiting_.empty()) changed_.Wait(mutex_);
      if (stopping_) return;
      next = waiting_.front();  // where it stays until it is served, so that it can be withdrawn
    }
    absl::StatusOr<AdapterLease> lease = Serve(next);
    next.model = {};  // whoever is told may unload it
    {
      core::MutexLock lock(mutex_);
      if (stopping_) return;  // the destructor answers
      if (!IsWanted(next.request)) continue;
      waiting_.pop_front();
    }
    next.ready(std::move(lease));
  }
}

absl::StatusOr<AdapterLease> AdapterRegistry::Serve(const Waiting& waiting) {
  Keys keys;
  std::set<Key> held;
  for (const std::string& name : waiting.names) {
    if (const auto info = FindAdapter(name); !info.ok()) return info.status();
    Key& key = keys[name];
    key.load = waiting.model.load;
    const absl::Status read = Guarded([&] { key.content_hash = entries_.at(name).content_hash(); });
    if (!read.ok()) return Unusable(name, read);
    held.insert(key);
  }
  absl::StatusOr<Keys> missing = Hold(waiting, keys);
  if (!missing.ok()) return missing.status();
  for (const auto& [name, key] : *missing) held.erase(key);
  for (const auto& [name, key] : *missing) {
    if (held.contains(key)) continue;  // under another name
    if (const absl::Status loaded = Load(name, key, waiting.model); !loaded.ok()) {
      Release(held);
      return loaded;
    }
    held.insert(key);
  }
  core::MutexLock lock(mutex_);
  AdapterLease::Adapters adapters;
  for (const auto& [name, key] : keys) {
    adapters[name] = {.adapter = loaded_.at(key).adapter, .content_hash = key.content_hash};
  }
  return AdapterLease(std::move(adapters), [this, held] { Release(held); });
}

absl::StatusOr<AdapterRegistry::Keys> AdapterRegistry::Hold(const Waiting& waiting, const Keys& keys) {
  Leaving leaving;  // destroyed outside the lock
  core::MutexLock lock(mutex_);
  Keys missing;
  std::set<Key> held;
  std::set<Key> wanted;
  int64_t needed = 0;
  int64_t whole = 0;
  for (const auto& [name, key] : keys) {
    const auto loaded = loaded_.find(key);
    const bool there = loaded != loaded_.end();
    if (!there) missing[name] = key;
    if (!wanted.insert(key).second) continue;
    const int64_t bytes = there ? loaded->second.bytes : entries_.at(name).info.memory_bytes;
    whole += bytes;
    if (!there) {
      needed += bytes;
      continue;
    }
    ++loaded->second.leases;
    loaded->second.last_used = ++uses_;
    held.insert(key);
  }
  const auto give_up = [&](absl::Status status) {
    for (const Key& key : held) --loaded_.at(key).leases;
    return status;
  };
  if (memory_budget_ > 0 && whole > memory_budget_) {
    return give_up(
        AdapterError(absl::StatusCode::kResourceExhausted, absl::StrJoin(waiting.names, ", "),
                     absl::StrCat("takes ", whole, " bytes; the budget (--adapter-memory) is ", memory_budget_),
                     "ADAPTER_TOO_LARGE"));
  }
  while (memory_budget_ > 0 && Bytes(1) + needed > memory_budget_) {
    if (stopping_ || !IsWanted(waiting.request)) return give_up(absl::CancelledError("nobody waits any more"));
    changed_.Wait(mutex_);  // for a lease that ends
  }
  leaving = Evict(memory_budget_ > 0 ? memory_budget_ - needed : std::numeric_limits<int64_t>::max());
  return missing;
}

absl::Status AdapterRegistry::Load(const std::string& name, const Key& key, const AdaptedModel& model) {
  std::shared_ptr<const model::Adapter> adapter;
  const auto load = [&] { adapter = entries_.at(name).load(*model.model); };
  absl::Status status = Guarded(load);
  if (IsOutOfMemory(status)) {  // without a budget only the device knows when it is full
    Leaving leaving;
    {
      core::MutexLock lock(mutex_);
      leaving = Evict(0);
    }
    leaving.clear();
    status = Guarded(load);
  }
  if (!status.ok()) return Unusable(name, status);
  core::MutexLock lock(mutex_);
  const int64_t bytes = adapter->memory_bytes();
  loaded_[key] = {
      .adapter = std::move(adapter), .model = model.model, .bytes = bytes, .leases = 1, .last_used = ++uses_};
  Tell(/*loaded=*/1, /*evicted=*/0);
  return absl::OkStatus();
}

void AdapterRegistry::Release(const std::set<Key>& keys) {
  Leaving leaving;  // destroyed outside the lock
  core::MutexLock lock(mutex_);
  for (const Key& key : keys) --loaded_.at(key).leases;
  leaving = Evict(std::numeric_limits<int64_t>::max());  // those whose model has gone before their last job
  changed_.NotifyAll();
}

bool AdapterRegistry::IsWanted(Request request) const {
  return !waiting_.empty() && waiting_.front().request == request;
}

AdapterRegistry::Leaving AdapterRegistry::Evict(int64_t allowed) {
  Leaving leaving;
  const auto leave = [&](std::map<Key, Loaded>::iterator entry) {
    leaving.push_back(std::move(entry->second.adapter));
    return loaded_.erase(entry);
  };
  for (auto entry = loaded_.begin(); entry != loaded_.end();) {
    entry = entry->second.leases == 0 && entry->second.model.expired() ? leave(entry) : std::next(entry);
  }
  while (Bytes(0) > allowed) {
    auto oldest = loaded_.end();
    for (auto entry = loaded_.begin(); entry != loaded_.end(); ++entry) {
      if (entry->second.leases > 0) continue;
      if (oldest == loaded_.end() || entry->second.last_used < oldest->second.last_used) oldest = entry;
    }
    if (oldest == loaded_.end()) break;
    leave(oldest);
  }
  if (!leaving.empty()) Tell(/*loaded=*/0, static_cast<int>(leaving.size()));
  return leaving;
}

void AdapterRegistry::Tell(int loaded, int evicted) const {
  if (observer_ != nullptr) observer_->OnAdapters({.loaded = loaded, .evicted = evicted, .bytes = Bytes(0)});
}

int64_t AdapterRegistry::Bytes(int least_leases) const {
  int64_t bytes = 0;
  for (const auto& [key, loaded] : loaded_) {
    if (loaded.leases >= least_leases) bytes += loaded.bytes;
  }
  return bytes;
}

}  // namespace latentd::engine
