#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/imaging/picture.h"

namespace latentd::imaging {

using FfmpegOptions = std::vector<std::pair<std::string, std::string>>;

// A way from frames to a file through FFmpeg's libraries. Names and options are those of its command-line program.
struct FfmpegWay {
  std::string filters;  // from RGB to what the encoder takes
  std::string encoder;
  FfmpegOptions encoder_options{};
  std::string muxer;
  FfmpegOptions muxer_options{};
  int ticks_per_second = 0;  // of the times in the file; a frame lasts whole ticks
  std::string comment;
};

// UNIMPLEMENTED: FFmpeg was built without the encoder. INTERNAL, with FFmpeg's own words, for all else.
// REQUIRES: at least one frame, all valid() and of one size. Thread-safe; runs in the caller's thread alone.
absl::StatusOr<std::string> EncodeThroughFfmpeg(std::span<const Picture> frames, int fps, const FfmpegWay& way);

}  // namespace latentd::imaging
