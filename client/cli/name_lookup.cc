#include "client/cli/name_lookup.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace latentd::cli {

// Outlives its owner for as long as it takes.
struct NameLookup::State {
  const HostPort name;
  const Resolver resolver;
  std::mutex mutex{};
  std::condition_variable_any ended{};
  bool under_way = false;
  std::vector<std::string> addresses{};
};

NameLookup::NameLookup(HostPort name, Resolver resolver)
    : state_(new State{.name = std::move(name), .resolver = std::move(resolver)}) {}

void NameLookup::Begin() {
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    if (std::exchange(state_->under_way, true)) return;
  }
  std::thread([state = state_] {
    absl::StatusOr<std::vector<std::string>> found = state->resolver(state->name);
    const std::lock_guard<std::mutex> lock(state->mutex);
    state->under_way = false;
    if (found.ok()) {
      state->addresses = *std::move(found);
    } else if (absl::IsNotFound(found.status())) {
      state->addresses.clear();
    }
    state->ended.notify_all();
  }).detach();
}

std::vector<std::string> NameLookup::Wait(std::chrono::steady_clock::time_point deadline, const std::stop_token& stop) {
  std::unique_lock<std::mutex> lock(state_->mutex);
  state_->ended.wait_until(lock, stop, deadline, [this] { return !state_->under_way; });
  return state_->addresses;
}

}  // namespace latentd::cli
