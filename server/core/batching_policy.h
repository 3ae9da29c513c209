#pragma once

#include <compare>
#include <map>
#include <string>
#include <utility>

#include "server/core/stage.h"

namespace latentd::core {

// What rows must have in common to share a forward. Nothing else forbids sharing: timestep, sampler, guidance, prompt
// and seed are per lane.
struct BatchKey {
  std::string model{};    // the weights: a forward runs through one network
  int latent_height = 0;  // the batch is one tensor [lanes, C, h, w]
  int latent_width = 0;
  std::string motion{};  // a motion module adds layers to the network, and a frame axis to the tensor; empty: none
  int frames = 1;        // of each clip then

  friend auto operator<=>(const BatchKey&, const BatchKey&) = default;
};

struct BatchingOptions {
  int max_batch_rows = 16;  // rows of one prediction; at least 1
  // Lanes of one prediction; at least 2, so that a guided row fits. A clip with more of them runs alone.
  int max_lanes = 32;
  int max_encode_rows = 16;  // at least 1
  int max_decode_rows = 4;   // at least 1
};

// How large a batch may be. A key whose batch did not fit in memory gets a lower bound for a while. Not thread-safe.
class BatchingPolicy {
 public:
  // After so many runs without trouble a lowered bound rises by one row.
  static constexpr int kCleanRunsPerRow = 32;

  explicit BatchingPolicy(const BatchingOptions& options) : options_(options) {}

  // The most rows of `key` in one run of `stage`; at least 1.
  int MaxRows(const BatchKey& key, Stage stage) const;
  int max_lanes() const { return options_.max_lanes; }

  // Lowers MaxRows to `rows`, at least 1. Never raises it.
  void Shrink(const BatchKey& key, Stage stage, int rows);

  // Books a run that went well.
  void OnCleanRun(const BatchKey& key, Stage stage);

 private:
  struct Lowered {
    int rows = 0;
    int clean_runs = 0;
  };

  int Configured(Stage stage) const;

  BatchingOptions options_;
  std::map<std::pair<BatchKey, Stage>, Lowered> lowered_;  // only those below the configured bound
};

}  // namespace latentd::core
