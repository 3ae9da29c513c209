#pragma once

#include <functional>
#include <utility>

#include "server/core/mutex.h"

namespace latentd::core {

// Whether the server is to get work: it is preloaded, its engine is not stuck, and it is not draining. Thread-safe.
class Readiness {
 public:
  void SetPreloaded() {
    Change([](State& state) { state.preloaded = true; });
  }
  void SetStuck(bool stuck) {
    Change([stuck](State& state) { state.stuck = stuck; });
  }
  // For good.
  void SetDraining() {
    Change([](State& state) { state.draining = true; });
  }
  // Who is told when the answer changes, and now if it is yes; null for nobody. Called under a lock, so that the last
  // word is the right one: it must not call back.
  void SetListener(std::function<void(bool ready)> listener) {
    Change([&](State& state) {
      state.listener = std::move(listener);
      state.told = false;
    });
  }

  bool draining() const {
    MutexLock lock(mutex_);
    return state_.draining;
  }

 private:
  struct State {
    bool preloaded = false;
    bool stuck = false;
    bool draining = false;
    bool told = false;
    std::function<void(bool)> listener;
  };

  template <typename Function>
  void Change(const Function& function) {
    MutexLock lock(mutex_);
    function(state_);
    const bool ready = state_.preloaded && !state_.stuck && !state_.draining;
    if (std::exchange(state_.told, ready) != ready && state_.listener) state_.listener(ready);
  }

  mutable Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace latentd::core
