#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/core/blob.h"
#include "server/core/generation_request.h"

namespace latentd::core {

struct Warning {
  std::string reason{};  // "PROMPT_TRUNCATED"
  std::string field{};
  std::string message{};
};

// What a job took.
struct Usage {
  absl::Duration queue_time{};
  absl::Duration encode_time{};
  absl::Duration denoise_time{};
  absl::Duration decode_time{};
  int64_t evaluations = 0;
  int64_t pixel_evaluations = 0;  // evaluations × lanes × pixels
  int failed_outputs = 0;
};

enum class OutputState { kOk, kWithheld, kFailed };

// One finished picture or clip, its bytes in `data` (empty unless kOk).
struct Output {
  int index = 0;
  OutputState state = OutputState::kOk;
  absl::Status error{};
  int64_t seed = 0;
  std::string media_type{};
  int width = 0;
  int height = 0;
  int frames = 0;        // of a clip; 0: it is a picture
  int fps = 0;           // likewise
  std::string sha256{};  // lower-case hex
  Blob data{};
  bool flagged = false;  // by the model's safety checker
};

struct ImagePreview {
  ImageFormat format = ImageFormat::kPng;
  int width = 0;
  int height = 0;
  Blob data{};
};

struct LatentPreview {
  std::vector<int> shape{};  // [C, h, w]
  std::string dtype{};       // "float32"
  Blob data{};               // little-endian
  double scaling_factor = 1;
  std::vector<float> rgb_map{};  // [C + 1, 3], as in the API; may be empty
};

using Preview = std::variant<ImagePreview, LatentPreview>;

// The kinds of events, as in proto/latentd/v1/event.proto.
struct Queued {
  int position = 0;
  std::optional<absl::Duration> eta{};
};
struct Started {
  int64_t seed = 0;
  std::vector<Warning> warnings{};
};
struct Requeued {
  std::string reason{};
  int resume_step = 0;
};
struct Progress {
  int output_index = 0;
  int step = 0;
  int total_steps = 0;
  std::optional<absl::Duration> eta{};
  std::optional<Preview> preview{};
};
// A piece of an output's bytes: refers to the blob, does not copy it.
struct OutputChunk {
  int index = 0;
  int64_t offset = 0;
  int64_t size = 0;
  Blob data{};  // the whole output; this chunk is [offset, offset + size)
};
struct Completed {
  Usage usage{};
};
struct Failed {
  absl::Status status{};
  Usage usage{};
};
struct Cancelled {
  std::string reason{};  // "CALLER", "CALLER_GONE", "DRAINED"
  Usage usage{};         // as far as it was known then; Job::usage has the rest when the rows are freed
};

using EventKind = std::variant<Queued, Started, Requeued, Progress, Output, OutputChunk, Completed, Failed, Cancelled>;

struct Event {
  int64_t sequence = 0;
  absl::Time time{};
  EventKind kind{};

  bool terminal() const {
    return std::holds_alternative<Completed>(kind) || std::holds_alternative<Failed>(kind) ||
           std::holds_alternative<Cancelled>(kind);
  }
};

}  // namespace latentd::core
