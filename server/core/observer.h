#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "server/core/job_store.h"
#include "server/core/stage.h"

namespace latentd::core {

// One piece of work of the device.
struct StageRun {
  Stage stage = Stage::kEncode;
  std::string model{};
  int rows = 0;
  int lanes = 0;          // U-Net batch entries; for other stages the texts or pictures
  int64_t pixels = 0;     // lanes × pixels of the picture
  absl::Duration time{};  // on the device; of a step: the U-Net and the samplers
};

// Adapters that came to the device, or left it, at once.
struct AdapterChange {
  int loaded = 0;
  int evicted = 0;
  int64_t bytes = 0;  // of weights, of all that are there now
};

// Told of what happens, to count it. Any thread; must not block nor call back.
class Observer {
 public:
  virtual ~Observer() = default;

  virtual void OnJobAdmitted(const std::string& model) = 0;
  virtual void OnJobRefused(const std::string& reason) = 0;  // an ErrorDetails::reason, such as "QUEUE_FULL"
  virtual void OnJobStarted(const std::string& model, absl::Duration wait) = 0;
  virtual void OnJobRequeued(const std::string& model) = 0;  // it ran, and does not run here any more
  // `from` says what it was here before: one can end without having run, or elsewhere.
  virtual void OnJobEnded(const std::string& model, JobState from, JobState to, absl::Duration since_creation) = 0;
  // Of all the model's jobs that wait to start, whenever it changes: how many, and evaluations × lanes × pixels, as
  // expected. Of a line that several servers share each tells an equal part, so that the sum over servers is right.
  virtual void OnQueuedWork(const std::string& model, int64_t jobs, int64_t pixel_steps) = 0;
  virtual void OnStageRun(const StageRun& run) = 0;
  virtual void OnImage(const std::string& model) = 0;
  virtual void OnFlaggedImage(const std::string& model) = 0;  // by its safety checker; withheld or not
  virtual void OnEncodeCache(bool hit) = 0;
  virtual void OnAdapters(const AdapterChange& change) = 0;
  // Bytes on the device: weights of all loaded models, and everything that is known of (the weights, where the device
  // does not tell).
  virtual void OnDeviceMemory(int64_t weights, int64_t total) = 0;
};

}  // namespace latentd::core
