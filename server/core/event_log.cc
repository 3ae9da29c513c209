#include "server/core/event_log.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace latentd::core {
namespace {

int64_t Size(const Blob& blob) { return blob == nullptr ? 0 : static_cast<int64_t>(blob->size()); }

int64_t PreviewBytes(const EventKind& kind) {
  const auto* progress = std::get_if<Progress>(&kind);
  if (progress == nullptr || !progress->preview.has_value()) return 0;
  return std::visit([](const auto& preview) { return Size(preview.data); }, *progress->preview);
}

}  // namespace

void EventLog::Append(absl::Time now, EventKind kind) {
  if (ended_) return;
  if (std::holds_alternative<Queued>(kind)) MakeRoomForQueued();
  if (const auto* progress = std::get_if<Progress>(&kind)) MakeRoomForProgress(*progress);

  const auto* output = std::get_if<Output>(&kind);
  const int index = output == nullptr ? 0 : output->index;
  const Blob data = output == nullptr ? nullptr : output->data;
  Add(now, std::move(kind));
  AddChunks(now, index, data);
}

const Event* EventLog::After(int64_t sequence) const {
  const auto next = events_.upper_bound(sequence);
  return next == events_.end() ? nullptr : &next->second;
}

void EventLog::Add(absl::Time now, EventKind kind) {
  preview_bytes_ += PreviewBytes(kind);
  Event event{.sequence = ++last_sequence_, .time = now, .kind = std::move(kind)};
  ended_ = event.terminal();
  events_.emplace_hint(events_.end(), last_sequence_, std::move(event));
}

void EventLog::Drop(int64_t sequence) {
  const auto found = events_.find(sequence);
  if (found == events_.end()) return;
  preview_bytes_ -= PreviewBytes(found->second.kind);
  events_.erase(found);
}

void EventLog::MakeRoomForQueued() {
  const int64_t sequence = last_sequence_ + 1;
  if (queued_ == 0) {
    queued_ = sequence;
    return;
  }
  Drop(queued_again_);
  queued_again_ = sequence;
}

void EventLog::MakeRoomForProgress(const Progress& progress) {
  ProgressPlaces& places = progress_[progress.output_index];
  const bool has_preview = progress.preview.has_value();
  if (places.newest != places.with_preview || has_preview) Drop(places.newest);
  if (has_preview) Drop(places.with_preview);

  places.newest = last_sequence_ + 1;
  if (has_preview) places.with_preview = places.newest;
}

int64_t EventLog::CountChunks(const Blob& data) { return (Size(data) + kChunkBytes - 1) / kChunkBytes; }

void EventLog::AddChunks(absl::Time now, int index, const Blob& data) {
  const int64_t total = Size(data);
  output_bytes_ += total;
  for (int64_t offset = 0; offset < total; offset += kChunkBytes) {
    const int64_t size = std::min(kChunkBytes, total - offset);
    Add(now, OutputChunk{.index = index, .offset = offset, .size = size, .data = data});
  }
}

}  // namespace latentd::core
