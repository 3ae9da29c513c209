#include <cstddef>
#include <cstdint>
#include <cstdio>  // jpeglib.h needs it
// Behind it.
#include <jerror.h>
#include <jpeglib.h>

#include <csetjmp>
#include <cstdlib>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/imaging/output_formats.h"

namespace latentd::imaging {
namespace {

// libjpeg reports errors by longjmp: its calls are kept in functions that own nothing. Only C's data are touched there.
class JpegWriter {
 public:
  JpegWriter() {
    jpeg_.err = jpeg_std_error(&errors_);
    jpeg_.client_data = this;
    errors_.error_exit = OnError;
  }
  ~JpegWriter() {
    jpeg_destroy_compress(&jpeg_);
    std::free(bytes_);
  }
  JpegWriter(const JpegWriter&) = delete;
  JpegWriter& operator=(const JpegWriter&) = delete;

  const char* error() const { return error_; }
  std::string file() const { return {reinterpret_cast<const char*>(bytes_), size_}; }

  // Makes file(). False: see error().
  bool Write(const Picture& picture, int quality) {
    if (setjmp(on_error_) != 0) {
      bytes_ = nullptr;  // libjpeg may have replaced it, and says so only at the end
      return false;
    }
    jpeg_create_compress(&jpeg_);
    jpeg_mem_dest(&jpeg_, &bytes_, &size_);
    jpeg_.image_width = static_cast<JDIMENSION>(picture.width);
    jpeg_.image_height = static_cast<JDIMENSION>(picture.height);
    jpeg_.input_components = 3;
    jpeg_.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg_);
    jpeg_set_quality(&jpeg_, quality, TRUE);
    jpeg_start_compress(&jpeg_, TRUE);
    const size_t stride = size_t{3} * static_cast<size_t>(picture.width);
    while (jpeg_.next_scanline < jpeg_.image_height) {
      auto* row = const_cast<uint8_t*>(picture.rgb.data() + jpeg_.next_scanline * stride);  // only read
      jpeg_write_scanlines(&jpeg_, &row, 1);
    }
    jpeg_finish_compress(&jpeg_);
    return true;
  }

 private:
  [[noreturn]] static void OnError(j_common_ptr jpeg) {
    auto* self = static_cast<JpegWriter*>(jpeg->client_data);
    static_assert(sizeof(error_) == JMSG_LENGTH_MAX);
    jpeg->err->format_message(jpeg, self->error_);
    std::longjmp(self->on_error_, 1);
  }

  jpeg_compress_struct jpeg_ = {};
  jpeg_error_mgr errors_ = {};
  std::jmp_buf on_error_;
  unsigned char* bytes_ = nullptr;  // from malloc
  unsigned long size_ = 0;          // NOLINT(google-runtime-int): libjpeg's type
  char error_[JMSG_LENGTH_MAX] = "";
};

}  // namespace

absl::StatusOr<std::string> EncodeJpeg(const Picture& picture, int quality) {
  JpegWriter writer;
  if (!writer.Write(picture, quality)) {
    return absl::InvalidArgumentError(absl::StrCat("cannot encode the picture as JPEG: ", writer.error()));
  }
  return writer.file();
}

}  // namespace latentd::imaging
