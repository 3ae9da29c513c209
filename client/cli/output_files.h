#pragma once

#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "latentd/v1/spec.pb.h"

namespace latentd::cli {

// What a file's extension stands for: of pictures, and of clips. Unspecified where there is no such.
struct FileFormat {
  v1::ImageFormat image = v1::IMAGE_FORMAT_UNSPECIFIED;
  v1::ClipFormat clip = v1::CLIP_FORMAT_UNSPECIFIED;
};

// .png .jpg .jpeg .webp, .safetensors for a latent; .webp .gif .mp4 for clips. INVALID_ARGUMENT for others.
absl::StatusOr<FileFormat> FormatOf(const std::string& path);

// Outputs of a job: pictures and clips, or each frame of each clip where the frames are asked for.
int CountOutputs(const v1::GenerationSpec& spec);

// The files of one job: --out itself for one output, "x-0.png", "x-1.png" … for several. Each is written under another
// name and renamed, so that nobody ever sees half a picture. The newest preview of each image stands beside it as
// "x.preview.jpg" until the picture is there, or this object goes. Not thread-safe.
class OutputFiles {
 public:
  // REQUIRES: FormatOf(out) is OK; outputs > 0.
  OutputFiles(const std::string& out, int outputs);
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
