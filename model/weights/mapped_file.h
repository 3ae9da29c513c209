#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace latentd::model {

// A regular file mapped read-only into memory. Pages are read when they are first touched, and belong to the page
// cache.
//
// The size is taken once, when the file is opened. A file that another process truncates afterwards makes later reads
// end the process with SIGBUS, as with every mapped file: replace model files by renaming, never in place.
//
// Immutable, so it may be read from any thread.
class MappedFile {
 public:
  // Throws ModelError when `file` cannot be opened, is not a regular file, or cannot be mapped. An empty file is valid.
  explicit MappedFile(const std::filesystem::path& file);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view bytes() const { return {data_, size_}; }

  // Gives the memory of all pages that `bytes()[offset, offset + length)` touches back to the system.
  // REQUIRES: offset + length <= bytes().size().
  void Release(size_t offset, size_t length) const;

 private:
  char* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace latentd::model
