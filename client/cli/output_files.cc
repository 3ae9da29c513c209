#include "client/cli/output_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace latentd::cli {
namespace {

absl::Status FileError(const std::string& path) { return absl::ErrnoToStatus(errno, path); }

absl::Status WriteAll(int file, const std::string& data, const std::string& path) {
  size_t done = 0;
  while (done < data.size()) {
    const ssize_t written = ::write(file, data.data() + done, data.size() - done);
    if (written < 0 && errno != EINTR) {
      return FileError(path);
    }
    done += written < 0 ? 0 : static_cast<size_t>(written);
  }
  return absl::OkStatus();
}

absl::Status WriteWhole(const std::string& path, const std::string& data) {
  const std::string partial = absl::StrCat(path, ".", ::getpid(), ".part");
  const int file = ::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) {
    return FileError(path);
  }
  absl::Status status = WriteAll(file, data, path);
  // A full disk may be noticed as late as here.
  if (::close(file) != 0 && status.ok()) {
    status = FileError(path);
  }
  if (status.ok() && ::rename(partial.c_str(), path.c_str()) != 0) {
    status = FileError(path);
  }
  if (!status.ok()) {
    ::unlink(partial.c_str());
  }
  return status;
}

}  // namespace

absl::StatusOr<FileFormat> FormatOf(const std::string& path) {
  const std::string extension = absl::AsciiStrToLower(std::filesystem::path(path).extension().string());
  if (extension == ".png") {
    return FileFormat{.image = v1::IMAGE_FORMAT_PNG};
  }
  if (extension == ".jpg" || extension == ".jpeg") {
    return FileFormat{.image = v1::IMAGE_FORMAT_JPEG};
  }
  if (extension == ".webp") {
    return FileFormat{.image = v1::IMAGE_FORMAT_WEBP, .clip = v1::CLIP_FORMAT_WEBP};
  }
  if (extension == ".gif") {
    return FileFormat{.clip = v1::CLIP_FORMAT_GIF};
  }
  if (extension == ".mp4") {
    return FileFormat{.clip = v1::CLIP_FORMAT_MP4};
  }
  if (extension == ".safetensors") {
    return FileFormat{.image = v1::IMAGE_FORMAT_LATENT};
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--out ", path, ": the extension must be .png, .jpg, .jpeg, .webp, .gif or .mp4 (clips), or ",
                   ".safetensors (a latent)"));
}

int CountOutputs(const v1::GenerationSpec& spec) {
  constexpr int kDefaultFrames = 16;  // as Animation.frames says
  const int rows = std::max(1, spec.num_images());
  const bool of_frames = spec.has_animation() && spec.output().format() != v1::IMAGE_FORMAT_UNSPECIFIED;
  if (!of_frames) {
    return rows;
  }
  return rows * (spec.animation().frames() == 0 ? kDefaultFrames : std::max(1, spec.animation().frames()));
}

OutputFiles::OutputFiles(const std::string& out, int outputs)
    : stem_(std::filesystem::path(out).replace_extension().string()),
      extension_(std::filesystem::path(out).extension().string()),
      several_(outputs > 1) {}

OutputFiles::~OutputFiles() {
  for (const std::string& path : previews_) {
    ::unlink(path.c_str());
  }
}

absl::Status OutputFiles::CheckFolder() const {
  const std::filesystem::path parent = std::filesystem::path(stem_).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    return FileError(folder);
  }
  return absl::OkStatus();
}

std::string OutputFiles::Stem(int index) const { return several_ ? absl::StrCat(stem_, "-", index) : stem_; }

std::string OutputFiles::PicturePath(int index) const { return absl::StrCat(Stem(index), extension_); }

std::string OutputFiles::PreviewPath(int index) const { return absl::StrCat(Stem(index), ".preview.jpg"); }

absl::Status OutputFiles::WritePicture(int index, const std::string& data) {
  absl::Status status = WriteWhole(PicturePath(index), data);
  if (status.ok() && previews_.erase(PreviewPath(index)) > 0) {
    ::unlink(PreviewPath(index).c_str());
  }
  return status;
}

absl::Status OutputFiles::WritePreview(int index, const std::string& data) {
  absl::Status status = WriteWhole(PreviewPath(index), data);
  if (status.ok()) {
    previews_.insert(PreviewPath(index));
  }
  return status;
}

}  // namespace latentd::cli
