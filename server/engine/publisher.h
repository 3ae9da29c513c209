#pragma once

#include <ATen/core/Tensor.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/core/event.h"
#include "server/core/job_store.h"
#include "server/core/observer.h"
#include "server/engine/worker_pool.h"

namespace latentd::engine {

// Writes one job's events, in order and off the engine thread: pictures are encoded on the worker pool, then published.
// A picture that cannot be encoded is a failed output like any other. The engine thread calls it; destroying it leaves
// what was handed over to be published.
class JobPublisher {
 public:
  struct Context {
    core::JobSink* sink;
    core::Observer* observer;  // may be null
    WorkerPool* workers;
    std::string software;  // "latentd 0.1.0", for the files' metadata
  };

  JobPublisher(const Context& context, const core::ClaimedJob& job);

  void Started(core::Started event);

  // A step of an output. `picture` (uint8 [h, w, 3] on the CPU) is the preview to encode, undefined for none or when
  // `event` has one already; a preview is left out when earlier ones are still waiting: the newest state matters, not
  // every one.
  void Progress(core::Progress event, at::Tensor picture);

  // `row` counts the job's rows: GenerationRequest::outputs_per_row tells which outputs it makes. `flagged`: by the
  // model's safety checker.

  // The finished picture of a row: uint8 [H, W, 3] on the CPU.
  void Picture(int row, int64_t seed, at::Tensor picture, bool flagged = false);

  // The finished clip of a row: its frames, each like a picture. One output, or one for each frame, as the request
  // says.
  void Clip(int row, int64_t seed, std::vector<at::Tensor> frames, bool flagged = false);

  // Instead of a picture, clip or latent that is flagged.
  void Withheld(int row, int64_t seed);

  // The finished row that is asked for as a latent: float32 [C, h, w] on the CPU. `flagged`: what it decodes to.
  void Latent(int row, int64_t seed, at::Tensor latent, bool flagged = false);

  // All outputs of the row.
  void FailedRow(int row, int64_t seed, absl::Status error);

  // What the job took so far.
  void Took(core::Usage usage);

  // Where it stands, after the outputs that were handed over before.
  void Checkpoint(core::Checkpoint checkpoint);
  // The same, and that the engine gives it up: nothing follows. `after` as below.
  void HandBack(std::string reason, core::Checkpoint checkpoint, std::function<void()> after);

  // The same, but that the engine cannot run it where it is, and why.
  void Unable(absl::Status status, core::Checkpoint checkpoint, std::function<void()> after);

  // The job's last event, after all its outputs: failed with `status`, or when that is OK, completed; but failed when
  // all outputs have, with the first one's error. Their number in `usage` is filled in. `after` runs once it is
  // published, on a worker's thread.
  void Finished(absl::Status status, core::Usage usage, std::function<void()> after);

  // Others have ended the job, which took `usage` in all: what still waits is not encoded any more.
  void Abandoned(core::Usage usage);

 private:
  // Shared with the tasks, which may outlive the publisher.
  struct State {
    Context context;
    core::Claim claim;
    std::shared_ptr<const core::GenerationRequest> request;
    std::atomic<int> previews_waiting{0};
    std::atomic<bool> abandoned{false};
    // The tasks' own, of which one runs at a time.
    int failed_outputs = 0;
    absl::Status first_error;
  };

  static void Encode(State& state, int index, int64_t seed, const at::Tensor& picture, bool flagged);
  static void EncodeClip(State& state, int index, int64_t seed, const std::vector<at::Tensor>& frames, bool flagged);
  static void EncodeLatent(State& state, int index, int64_t seed, const at::Tensor& latent, bool flagged);
  static void Publish(State& state, core::Output output, std::string media_type, std::string file);
  static void Fail(State& state, int index, int64_t seed, const absl::Status& error);

  std::shared_ptr<State> state_;
  Strand strand_;
};

}  // namespace latentd::engine
