#include <cstddef>
#include <cstdint>
#include <cstdio>  // jpeglib.h needs it
// Behind it.
#include <jerror.h>
#include <jpeglib.h>

#include <csetjmp>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/imaging/input_formats.h"

namespace latentd::imaging {
namespace {

// Each scan of a progressive file goes over the whole picture, however few bytes it has. Encoders make a dozen.
constexpr int kMaxScans = 100;

// So many bytes between segments are padding, as some cameras write it; more are pixels that were lost.
constexpr int kMaxPadding = 16;

// libjpeg reports errors by longjmp: its calls are kept in functions that own nothing. Only C's data are touched there.
class JpegReader {
 public:
  JpegReader() {
    jpeg_.err = jpeg_std_error(&errors_);
    jpeg_.client_data = this;
    errors_.error_exit = OnError;
    errors_.emit_message = OnMessage;
    progress_.progress_monitor = OnProgress;
  }
  ~JpegReader() { jpeg_destroy_decompress(&jpeg_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  const char* error() const { return error_; }
  int channels() const { return jpeg_.output_components; }

  // Reads up to the pixels. False: see error(). The same of the others.
  bool Begin(std::string_view file, const FileHeader& header) {
    if (setjmp(on_error_) != 0) return false;
    jpeg_create_decompress(&jpeg_);
    jpeg_.progress = &progress_;
    jpeg_mem_src(&jpeg_, reinterpret_cast<const unsigned char*>(file.data()), file.size());
    jpeg_read_header(&jpeg_, TRUE);
    if (jpeg_.image_width != header.width || jpeg_.image_height != header.height) return Fail("two frame headers");
    jpeg_.out_color_space = jpeg_.num_components == 4 ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&jpeg_);
    return true;
  }

  // The next row, of width × channels() bytes.
  bool ReadRow(uint8_t* row) {
    if (setjmp(on_error_) != 0) return false;
    return jpeg_read_scanlines(&jpeg_, &row, 1) == 1 || Fail("it is cut off");
  }

  // Looks at what follows the pixels: the file's end must be there.
  bool End() {
    if (setjmp(on_error_) != 0) return false;
    jpeg_finish_decompress(&jpeg_);
    return true;
  }

 private:
  static JpegReader* Of(j_common_ptr jpeg) { return static_cast<JpegReader*>(jpeg->client_data); }

  bool Fail(const char* message) {
    std::snprintf(error_, sizeof(error_), "%s", message);
    return false;
  }
  [[noreturn]] static void OnError(j_common_ptr jpeg) {
    static_assert(sizeof(error_) == JMSG_LENGTH_MAX);
    jpeg->err->format_message(jpeg, Of(jpeg)->error_);
    std::longjmp(Of(jpeg)->on_error_, 1);
  }
  // libjpeg goes on after damage, with grey or shifted pixels, and calls it a warning (level -1).
  static void OnMessage(j_common_ptr jpeg, int level) {
    if (level >= 0) return;
    const int code = jpeg->err->msg_code;
    if (code == JWRN_JFIF_MAJOR || code == JWRN_ADOBE_XFORM) return;
    if (code == JWRN_EXTRANEOUS_DATA && jpeg->err->msg_parm.i[0] <= kMaxPadding) return;
    OnError(jpeg);
  }
  static void OnProgress(j_common_ptr jpeg) {
    JpegReader* const self = Of(jpeg);
    if (self->jpeg_.input_scan_number <= kMaxScans) return;
    self->Fail("it has too many scans");
    std::longjmp(self->on_error_, 1);
  }

  jpeg_decompress_struct jpeg_ = {};
  jpeg_error_mgr errors_ = {};
  jpeg_progress_mgr progress_ = {};
  std::jmp_buf on_error_;
  char error_[JMSG_LENGTH_MAX] = "";
};

absl::Status Damaged(const char* why) {
  return absl::InvalidArgumentError(absl::StrCat("the JPEG file cannot be decoded: ", why));
}

// a × b / 255, rounded.
int Multiply(int a, int b) {
  const int product = a * b + 128;
  return (product + (product >> 8)) >> 8;
}

// Inks to light without a profile, as Pillow does it. Files hold the inks inverted: Adobe's programs began it.
void AppendCmyk(const uint8_t* pixel, std::vector<uint8_t>& rgb) {
  const int light = pixel[3];
  for (int channel = 0; channel < 3; ++channel) {
    rgb.push_back(static_cast<uint8_t>(light - Multiply(255 - pixel[channel], light)));
  }
}

}  // namespace

absl::StatusOr<Picture> DecodeJpeg(std::string_view file, const FileHeader& header) {
  JpegReader reader;
  if (!reader.Begin(file, header)) return Damaged(reader.error());
  Picture picture{.width = static_cast<int>(header.width), .height = static_cast<int>(header.height), .rgb = {}};
  const auto width = static_cast<size_t>(header.width), height = static_cast<size_t>(header.height);
  if (reader.channels() == 3) {
    picture.rgb.resize(3 * width * height);
    for (size_t y = 0; y < height; ++y) {
      if (!reader.ReadRow(picture.rgb.data() + y * 3 * width)) return Damaged(reader.error());
    }
  } else {
    picture.rgb.reserve(3 * width * height);
    std::vector<uint8_t> row(4 * width);
    for (size_t y = 0; y < height; ++y) {
      if (!reader.ReadRow(row.data())) return Damaged(reader.error());
      for (size_t x = 0; x < width; ++x) AppendCmyk(row.data() + 4 * x, picture.rgb);
    }
  }
  if (!reader.End()) return Damaged(reader.error());
  return picture;
}

}  // namespace latentd::imaging
