#include "client/cli/progress_bar.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/text.h"
#include "client/cpp/job_watcher.h"
#include "client/cpp/proto_time.h"

namespace latentd::cli {
namespace {

constexpr int kBarWidth = 20;

}  // namespace

void ProgressBar::Update(const v1::Event& event) {
  now_ = client::ToTime(event.time());
  if (event.has_queued() || event.has_requeued()) {
    waiting_ = EventText(event);
    running_ = false;
    return;
  }
  waiting_.clear();
  if (client::IsTerminal(event)) {
    running_ = false;
    return;
  }
  if (!running_) {
    running_ = true;
    started_ = now_;
  }
  if (event.has_progress()) {
    const v1::Progress& progress = event.progress();
    Image& image = images_[progress.output_index()];
    image.step = progress.step();
    image.total_steps = progress.total_steps();
    image.eta = progress.has_eta() ? std::make_optional(client::ToDuration(progress.eta())) : std::nullopt;
  } else if (event.has_output()) {
    images_[event.output().index()].ready = true;
  }
}

double ProgressBar::Done() const {
  double done = 0;
  for (const auto& [index, image] : images_) {
    done += image.ready ? 1 : static_cast<double>(image.step) / std::max(image.total_steps, 1);
  }
  return std::clamp(done / num_images_, 0.0, 1.0);
}

std::string ProgressBar::ImagesText() const {
  std::string text;
  for (int i = 0; i < num_images_; ++i) {
    const auto found = images_.find(i);
    const Image image = found == images_.end() ? Image() : found->second;
    const std::string state = image.ready              ? "ready"
                              : image.total_steps == 0 ? "-"
                                                       : absl::StrCat(image.step, "/", image.total_steps);
    absl::StrAppend(&text, i > 0 ? " " : "", num_images_ > 1 ? absl::StrCat(i, ":") : "step ", state);
  }
  return text;
}

std::string ProgressBar::Render(int columns) const {
  if (!waiting_.empty()) {
    return waiting_.substr(0, static_cast<size_t>(columns));
  }
  if (!running_) {
    return "";
  }
  const double done = Done();
  const int full = static_cast<int>(std::lround(done * kBarWidth));
  const std::string bar = absl::StrFormat("[%s%s] %d%%", std::string(full, '#'), std::string(kBarWidth - full, '-'),
                                          static_cast<int>(std::lround(done * 100)));
  std::string tail;
  std::optional<absl::Duration> eta;
  for (const auto& [index, image] : images_) {
    if (!image.ready && image.eta.has_value()) {
      eta = std::max(eta.value_or(absl::ZeroDuration()), *image.eta);
    }
  }
  if (eta.has_value()) {
    absl::StrAppend(&tail, "  ", DurationText(*eta), " left");
  }
  if (now_ > started_ && done > 0) {
    tail += absl::StrFormat("  %.2g images/s", done * num_images_ / absl::ToDoubleSeconds(now_ - started_));
  }
  std::string images = absl::StrCat("  ", ImagesText());
  const auto width = static_cast<size_t>(columns);
  if (bar.size() + images.size() + tail.size() > width) {
    const auto ready =
        std::count_if(images_.begin(), images_.end(), [](const auto& entry) { return entry.second.ready; });
    images = absl::StrCat("  ", ready, " of ", num_images_, " ready");
  }
  return absl::StrCat(bar, images, tail).substr(0, width);
}

}  // namespace latentd::cli
