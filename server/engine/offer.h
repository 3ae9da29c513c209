#pragma once

#include <functional>
#include <string>

#include "server/core/job_store.h"
#include "server/engine/model_registry.h"

namespace latentd::engine {

// What an engine says that it could take in, to a store that others share: anew whenever it is something else, or the
// last one was taken. Not thread-safe.
class Offer {
 public:
  Offer(core::JobStore* store, const ModelRegistry* models) : store_(store), models_(models) {}  // outlive this

  // The last one was taken, be it by jobs that have ended meanwhile.
  void WasTaken() { made_.jobs = -1; }
  // On the device, or in use.
  void ModelsChanged() { models_changed_ = true; }

  struct State {
    int jobs = 0;  // that it has room for
    // Whether the device works. One that does not would fail all jobs, and nobody is to count on what it has.
    bool works = true;
    std::function<bool(const std::string&)> uses;  // a model: it has jobs of that
  };
  // Cheap where nothing has changed. May call the store.
  void Make(const State& state);

 private:
  core::JobStore* const store_;
  const ModelRegistry* const models_;
  core::Capacity made_;
  bool models_changed_ = true;  // since then
};

}  // namespace latentd::engine
