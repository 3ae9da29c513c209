#pragma once

#include <sys/stat.h>

#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "server/core/mutex.h"

namespace latentd::auth {

// What a file says, read again when the file has changed. Thread-safe.
template <typename T>
class ReloadedFile {
 public:
  struct Options {
    std::string path;
    // REQUIRED. What the text means; the error need not name the file.
    std::function<absl::StatusOr<T>(const std::string& text)> parse;
    // Told, with the file's name, of a file that changed and cannot be used: what it said before goes on to hold, until
    // it changes again. May be null.
    std::function<void(const absl::Status&)> on_error;
  };

  // INVALID_ARGUMENT names the file that cannot be read or used.
  static absl::StatusOr<std::unique_ptr<ReloadedFile>> Open(Options options) {
    std::unique_ptr<ReloadedFile> file(new ReloadedFile(std::move(options)));
    core::MutexLock lock(file->mutex_);
    file->version_ = file->Version();
    absl::StatusOr<T> content = file->Read();
    if (!content.ok()) return content.status();
    file->content_ = std::make_shared<const T>(*std::move(content));
    return file;
  }

  // Looks whether the file has changed, which costs one system call.
  std::shared_ptr<const T> Get() {
    core::MutexLock lock(mutex_);
    if (const Stamp version = Version(); version != version_) {
      version_ = version;
      absl::StatusOr<T> content = Read();
      if (content.ok()) {
        content_ = std::make_shared<const T>(*std::move(content));
      } else if (options_.on_error) {
        options_.on_error(content.status());
      }
    }
    return content_;
  }

 private:
  // Device, number, size and time of change: those of a file that was replaced differ, also behind a link.
  using Stamp = std::tuple<dev_t, ino_t, off_t, time_t, long>;

  explicit ReloadedFile(Options options) : options_(std::move(options)) {}

  Stamp Version() const {
    struct stat info {};
    if (stat(options_.path.c_str(), &info) != 0) return {};
    return {info.st_dev, info.st_ino, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
  }

  absl::StatusOr<T> Read() const {
    std::ifstream file(options_.path, std::ios::binary);
    std::ostringstream text;
    if (!file || !(text << file.rdbuf()))
      return absl::InvalidArgumentError(absl::StrCat("cannot read ", options_.path));
    // One that is being written in its place, most likely.
    if (text.str().find_first_not_of(" \t\r\n") == std::string::npos) {
      return absl::InvalidArgumentError(absl::StrCat(options_.path, " is empty"));
    }
    absl::StatusOr<T> content = options_.parse(text.str());
    if (content.ok()) return content;
    return absl::InvalidArgumentError(absl::StrCat(options_.path, ": ", content.status().message()));
  }

  const Options options_;
  core::Mutex mutex_;
  Stamp version_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const T> content_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace latentd::auth
