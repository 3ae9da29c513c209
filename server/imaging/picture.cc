#include "server/imaging/picture.h"

#include <algorithm>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

namespace latentd::imaging {

Picture Downscale(Picture picture, int max_edge) {
  const int edge = std::max(picture.width, picture.height);
  if (max_edge <= 0 || edge <= max_edge) return picture;
  // Rounded half up; never vanishing, however thin the picture.
  const auto scaled = [&](int length) {
    return std::max(1, static_cast<int>((int64_t{2} * length * max_edge + edge) / (2 * edge)));
  };
  Picture small{.width = scaled(picture.width), .height = scaled(picture.height), .rgb = {}};
  small.rgb.resize(size_t{3} * static_cast<size_t>(small.width) * static_cast<size_t>(small.height));
  const cv::Mat from(picture.height, picture.width, CV_8UC3, picture.rgb.data());
  cv::Mat to(small.height, small.width, CV_8UC3, small.rgb.data());
  cv::resize(from, to, to.size(), 0, 0, cv::INTER_AREA);
  return small;
}

}  // namespace latentd::imaging
