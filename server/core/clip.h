#pragma once

namespace latentd::core {

// The files that a clip's frames may become.
enum class ClipFormat { kWebp, kGif, kMp4 };

// Frames a second that a clip may have. A GIF's frames last whole hundredths of a second, and players slow down those
// that last one.
constexpr int kMaxFps = 60;
constexpr int kMaxGifFps = 50;

}  // namespace latentd::core
