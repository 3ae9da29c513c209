#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "model/pipeline/diffusion_model.h"
#include "server/core/clock.h"
#include "server/core/model_catalog.h"

namespace latentd::engine {

// Takes one step of denoising with a model that is on the device, of the smallest picture that it makes and without
// words: whether the device still computes. An error when something throws, or the step gives NaN or infinite values.
// Leaves nothing behind: no cache and no figure knows of it. To be called on the engine thread.
absl::Status RunCanary(const core::ModelInfo& info, model::DiffusionModel& model);

// When that is to be done, and what it said last: an engine without jobs for a while looks, and again each time. Not
// thread-safe.
class Canary {
 public:
  struct Options {
    absl::Duration every;          // without jobs; 0: never
    core::Clock* clock = nullptr;  // outlives this
    // It may be time: call IsDue. On the clock's thread; must not block.
    std::function<void()> on_time;
    // Why it failed, each time; and OK with the first step that succeeds after that. May be null.
    std::function<void(const absl::Status&)> on_result;
  };

  explicit Canary(Options options) : options_(std::move(options)), worked_at_(options_.clock->Now()) {}
  ~Canary();
  Canary(const Canary&) = delete;
  Canary& operator=(const Canary&) = delete;

  // Whether it is to run now; otherwise sees to it that it will. To be called after everything that the engine does.
  // `on_time`: that was called since the last time.
  bool IsDue(bool on_time, bool has_jobs);
  // It has run; there was nothing to run it with: then nothing is known of the device.
  void SetResult(const absl::Status& status);
  void Skip();
  // A step of a job has succeeded.
  void NoteStep();

  bool failed() const { return failed_; }

 private:
  void Tell(const absl::Status& status);
  void SetTimer();

  const Options options_;
  absl::Time worked_at_;  // when there was a job last, or a canary
  // One at a time: when there was work meanwhile, it is set again for what is left.
  std::optional<core::Clock::TimerId> timer_;
  bool failed_ = false;
};

}  // namespace latentd::engine
