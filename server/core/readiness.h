#pragma once

#include <functional>
#include <utility>

#include "server/core/mutex.h"

namespace latentd::core {

// What others should do about the server.
struct Health {
  bool ready = false;  // give it work: it is preloaded, its engine works and is not stuck, and it is not draining
  bool live = true;    // leave it running: its engine is not stuck

  friend bool operator==(const Health&, const Health&) = default;
};

// Thread-safe.
class Readiness {
 public:
  void SetPreloaded() {
    Change([](State& state) { state.preloaded = true; });
  }
  void SetStuck(bool stuck) {
    Change([stuck](State& state) { state.stuck = stuck; });
  }
  // Whether what the engine computed last, to see if it works, was wrong.
  void SetFaulty(bool faulty) {
    Change([faulty](State& state) { state.faulty = faulty; });
  }
  // For good.
  void SetDraining() {
    Change([](State& state) { state.draining = true; });
  }
  // Who is told when the answer changes, and now if it is not the one of a new server; null for nobody. Called under a
  // lock, so that the last word is the right one: it must not call back.
  void SetListener(std::function<void(const Health&)> listener) {
    Change([&](State& state) {
      state.listener = std::move(listener);
      state.told = Health();
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
    bool faulty = false;
    bool draining = false;
    Health told;
    std::function<void(const Health&)> listener;
  };

  template <typename Function>
  void Change(const Function& function) {
    MutexLock lock(mutex_);
    function(state_);
    const Health health{.ready = state_.preloaded && !state_.stuck && !state_.faulty && !state_.draining,
                        .live = !state_.stuck};
    if (std::exchange(state_.told, health) != health && state_.listener) state_.listener(health);
  }

  mutable Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace latentd::core
