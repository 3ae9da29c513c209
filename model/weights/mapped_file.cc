#include "model/weights/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <system_error>

#include "model/errors.h"

namespace latentd::model {
namespace {

[[noreturn]] void Fail(const std::filesystem::path& file, const std::string& what, int error) {
  throw ModelError(file.string(), {what + ": " + std::generic_category().message(error)});
}

// Closes the descriptor on every path; the mapping does not need it.
class Descriptor {
 public:
  explicit Descriptor(const std::filesystem::path& file)
      : value_(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (value_ < 0) Fail(file, "cannot be opened", errno);
  }
  ~Descriptor() { close(value_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int value() const { return value_; }

 private:
  const int value_;
};

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& file) {
  const Descriptor descriptor(file);
  struct stat status {};
  if (fstat(descriptor.value(), &status) != 0) Fail(file, "cannot be read", errno);
  if (!S_ISREG(status.st_mode)) throw ModelError(file.string(), {"is not a regular file"});
  size_ = static_cast<size_t>(status.st_size);
  if (size_ == 0) return;
  void* mapping = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor.value(), 0);
  if (mapping == MAP_FAILED) Fail(file, "cannot be mapped into memory", errno);
  data_ = static_cast<char*>(mapping);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(data_, size_);
}

void MappedFile::Release(size_t offset, size_t length) const {
  if (length == 0) return;
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t begin = offset / page * page;
  // Advice only: where the system refuses it, the pages merely stay.
  madvise(data_ + begin, offset + length - begin, MADV_DONTNEED);
}

}  // namespace latentd::model
