#pragma once

#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "latentd/v1/spec.pb.h"

namespace latentd::cli {

// The format that a file's extension stands for (.png .jpg .jpeg .webp, .safetensors for a latent). INVALID_ARGUMENT
// for others.
absl::StatusOr<v1::ImageFormat> FormatOf(const std::string& path);

// The files of one job: --out itself for one image, "x-0.png", "x-1.png" … for several. Each is written under another
// name and renamed, so that nobody ever sees half a picture. The newest preview of each image stands beside it as
// "x.preview.jpg" until the picture is there, or this object goes. Not thread-safe.
class OutputFiles {
 public:
  // REQUIRES: FormatOf(out) is OK; num_images > 0.
  OutputFiles(const std::string& out, int num_images);
  ~OutputFiles();
  OutputFiles(const OutputFiles&) = delete;
  OutputFiles& operator=(const OutputFiles&) = delete;

  // Whether files can be made where they are to go; tells before anything was computed for nothing.
  absl::Status CheckFolder() const;

  std::string PicturePath(int index) const;
  std::string PreviewPath(int index) const;

  absl::Status WritePicture(int index, const std::string& data);
  absl::Status WritePreview(int index, const std::string& data);

 private:
  std::string Stem(int index) const;

  const std::string stem_;
  const std::string extension_;
  const bool several_;
  std::set<std::string> previews_;
};

}  // namespace latentd::cli
