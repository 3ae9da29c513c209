#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/core/clock.h"
#include "server/core/observer.h"
#include "server/core/scheduler.h"
#include "server/engine/row.h"
#include "server/engine/row_decoder.h"
#include "server/engine/row_encoder.h"
#include "server/engine/row_previewer.h"

namespace latentd::engine {

// Carries out plans on the device: what a stage does to its rows. An error belongs to the row that caused it: when a
// batch fails, its rows are run one by one and only those that fail alone are failed. Belongs to the engine thread.
class Executor {
 public:
  struct Options {
    core::Clock* clock = nullptr;        // REQUIRED
    core::Observer* observer = nullptr;  // may be null
    int64_t conditioning_cache_bytes = 64 << 20;
    bool withhold_flagged = true;  // as Engine::Options
  };

  // What became of a stage's rows, in the order of the plan.
  struct Outcome {
    std::vector<core::RowResult> results;
    std::vector<absl::Status> errors;  // of the rows that failed
    // Memory ran out: so many rows are to be tried next time.
    std::optional<int> shrink_to;
  };

  explicit Executor(const Options& options);

  // Runs `stage` for `rows`, which are of one model. Publishes what it brings about: started, progress, pictures.
  Outcome Run(core::Stage stage, const std::vector<Row*>& rows, model::DiffusionModel& model);

 private:
  absl::Status RunOnDevice(core::Stage stage, const std::vector<Row*>& rows, model::DiffusionModel& model);
  void Predict(const std::vector<Row*>& rows, model::DiffusionModel& model);
  static void AdvanceAll(const std::vector<Row*>& rows, Outcome& outcome, std::vector<at::Tensor>& predicted_clean);
  static absl::Status Advance(Row& row, at::Tensor& predicted_clean);
  static void CheckFinite(const std::vector<Row*>& rows, std::vector<absl::Status>& errors);
  void PublishSteps(const std::vector<Row*>& rows, const std::vector<at::Tensor>& predicted_clean,
                    const model::DiffusionModel& model);
  void Book(core::Stage stage, const std::vector<Row*>& rows, absl::Duration time);

  // Seconds of one unit of work, smoothed, for estimates.
  struct Pace {
    std::optional<double> predict;  // one tick of a batch
    std::optional<double> decode;   // one run of the decoder
  };

  const Options options_;
  RowEncoder encoder_;
  const RowDecoder decoder_;
  RowPreviewer previewer_;
  std::map<core::BatchKey, Pace> paces_;
};

}  // namespace latentd::engine
