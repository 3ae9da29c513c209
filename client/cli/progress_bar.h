#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "latentd/v1/event.pb.h"

namespace latentd::cli {

// What is known of a running job, as one line of a terminal. Not thread-safe.
class ProgressBar {
 public:
  explicit ProgressBar(int num_images) : num_images_(num_images) {}

  void Update(const v1::Event& event);

  // At most `columns` wide: "[#####-----] 50%  step 12/25  2.1s left  0.8 images/s" for one image, each image's step
  // for several as far as there is room. Empty before the first event and after the last.
  std::string Render(int columns) const;

 private:
  struct Image {
    int step = 0;
    int total_steps = 0;
    bool ready = false;
    std::optional<absl::Duration> eta;
  };

  std::string ImagesText() const;
  // Of all steps of all images, from 0 to 1.
  double Done() const;

  const int num_images_;
  std::string waiting_;  // while the job is queued
  std::map<int, Image> images_;
  absl::Time started_;
  absl::Time now_;  // by the server's clock
  bool running_ = false;
};

}  // namespace latentd::cli
