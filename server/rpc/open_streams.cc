#include "server/rpc/open_streams.h"

#include <algorithm>
#include <chrono>
#include <vector>

namespace latentd::rpc {

void OpenStreams::Add(const std::shared_ptr<Stream>& stream) {
  core::MutexLock lock(mutex_);
  streams_.emplace(stream.get(), stream);
  if (on_change_) on_change_(static_cast<int>(streams_.size()));
}

void OpenStreams::Remove(const Stream* stream) {
  core::MutexLock lock(mutex_);
  streams_.erase(stream);
  if (on_change_) on_change_(static_cast<int>(streams_.size()));
  if (streams_.empty()) changed_.NotifyAll();
}

int OpenStreams::count() const {
  core::MutexLock lock(mutex_);
  return static_cast<int>(streams_.size());
}

void OpenStreams::WaitForNone(absl::Duration patience) {
  // An infinite time would overflow.
  patience = std::min(patience, absl::Hours(24 * 365));
  const auto wait = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(patience);
  core::MutexLock lock(mutex_);
  while (!streams_.empty() && std::chrono::steady_clock::now() < wait) changed_.WaitUntil(mutex_, wait);
}

void OpenStreams::EndAll(const absl::Status& status) {
  std::vector<std::shared_ptr<Stream>> streams;
  {
    core::MutexLock lock(mutex_);
    for (const auto& [key, weak] : streams_) {
      if (auto stream = weak.lock()) streams.push_back(std::move(stream));
    }
  }
  for (const auto& stream : streams) stream->End(status);
}

}  // namespace latentd::rpc
