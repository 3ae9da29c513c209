#pragma once

#include <cstdint>
#include <map>

#include "absl/time/time.h"
#include "server/core/event.h"

namespace latentd::core {

// One job's history. Events are numbered from 1. What a later one makes worthless is dropped, so that a log stays small
// and leaves gaps:
//   * of each output's progress only the newest stays, and the newest that has a preview;
//   * the first Queued stays, and of those after it the newest.
// An Output is followed by its bytes in pieces that refer to them. Nothing follows a terminal event. Not thread-safe.
//
//   log.Append(now, Started{.seed = 7});
//   for (int64_t at = 0; const Event* event = log.After(at); at = event->sequence) …
class EventLog {
 public:
  static constexpr int64_t kChunkBytes = int64_t{1} << 20;

  // How many pieces follow an output with these bytes, which may be null.
  static int64_t CountChunks(const Blob& data);

  // Ignored after a terminal event.
  void Append(absl::Time now, EventKind kind);

  // Numbers up to this one are not to be had here: the next event is the one after it. For a copy of another log.
  // REQUIRES: not below last_sequence().
  void SkipTo(int64_t sequence) { last_sequence_ = sequence; }

  // The first event after `sequence`, valid until the next Append; null when there is none.
  const Event* After(int64_t sequence) const;

  int64_t last_sequence() const { return last_sequence_; }
  bool ended() const { return ended_; }

  // What the log keeps alive: the bytes of outputs, and those of previews.
  int64_t output_bytes() const { return output_bytes_; }
  int64_t preview_bytes() const { return preview_bytes_; }

 private:
  struct ProgressPlaces {
    int64_t newest = 0;  // sequences; 0: none
    int64_t with_preview = 0;
  };

  void Add(absl::Time now, EventKind kind);
  void Drop(int64_t sequence);
  void MakeRoomForQueued();
  void MakeRoomForProgress(const Progress& progress);
  void AddChunks(absl::Time now, int index, const Blob& data);

  std::map<int64_t, Event> events_;
  std::map<int, ProgressPlaces> progress_;  // by output
  int64_t queued_ = 0;                      // sequences; 0: none
  int64_t queued_again_ = 0;
  int64_t last_sequence_ = 0;
  int64_t output_bytes_ = 0;
  int64_t preview_bytes_ = 0;
  bool ended_ = false;
};

}  // namespace latentd::core
