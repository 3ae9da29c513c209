#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/imaging/input_formats.h"

namespace latentd::imaging {
namespace {

// libpng reports errors by longjmp: its calls are kept in functions that own nothing. Only C's data are touched there.
class PngReader {
 public:
  explicit PngReader(std::string_view file) : left_(file) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, OnError, OnWarning);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  const char* error() const { return error_; }
  size_t file_row_bytes() const { return file_row_bytes_; }  // in the file
  size_t row_bytes() const { return png_get_rowbytes(png_, info_); }
  int color_type() const { return color_type_; }
  int bit_depth() const { return bit_depth_; }

  // Reads up to the pixels. False: see error(). The same of the others.
  bool Begin(const FileHeader& header) {
    if (info_ == nullptr) return Fail("out of memory");
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_set_read_fn(png_, this, OnRead);
    png_set_user_limits(png_, static_cast<png_uint_32>(header.width), static_cast<png_uint_32>(header.height));
    // Of the chunks, only those that tell the pixels are looked at: compressed texts and profiles stay closed.
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_set_crc_action(png_, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_read_info(png_, info_);
    if (png_get_image_width(png_, info_) != header.width || png_get_image_height(png_, info_) != header.height) {
      return Fail("two headers");
    }
    color_type_ = png_get_color_type(png_, info_);
    bit_depth_ = png_get_bit_depth(png_, info_);
    file_row_bytes_ = png_get_rowbytes(png_, info_);
    return true;
  }

  // Asks for the simplest form that keeps what Pillow's conversions look at: indexes of a byte, grey of 8 or 16 bits,
  // or RGB of 8.
  bool AskForColors() {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    if ((color_type_ & PNG_COLOR_MASK_ALPHA) != 0) png_set_strip_alpha(png_);
    if (color_type_ == PNG_COLOR_TYPE_PALETTE) {
      png_set_packing(png_);
    } else if (color_type_ == PNG_COLOR_TYPE_GRAY) {
      if (bit_depth_ < 8) png_set_expand_gray_1_2_4_to_8(png_);
    } else if (bit_depth_ == 16) {
      png_set_strip_16(png_);
    }
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }

  // Asks for RGBA of 8 bits.
  bool AskForTransparency() {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    if ((color_type_ & PNG_COLOR_MASK_ALPHA) == 0 && png_get_valid(png_, info_, PNG_INFO_tRNS) == 0) {
      return Fail("it has no transparency");
    }
    png_set_expand(png_);
    png_set_strip_16(png_);
    png_set_gray_to_rgb(png_);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }

  bool ReadRows(png_bytepp rows) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_read_image(png_, rows);
    png_read_end(png_, nullptr);
    return true;
  }

  // The palette's size; `colors` stays the reader's.
  int Palette(png_colorp* colors) {
    int count = 0;
    return png_get_PLTE(png_, info_, colors, &count) == 0 ? 0 : count;
  }

 private:
  bool Fail(const char* message) {
    std::snprintf(error_, sizeof(error_), "%s", message);
    return false;
  }
  static void OnRead(png_structp png, png_bytep to, size_t bytes) {
    auto* self = static_cast<PngReader*>(png_get_io_ptr(png));
    if (bytes > self->left_.size()) png_error(png, "it is cut off");
    std::memcpy(to, self->left_.data(), bytes);
    self->left_.remove_prefix(bytes);
  }
  [[noreturn]] static void OnError(png_structp png, png_const_charp message) {
    static_cast<PngReader*>(png_get_error_ptr(png))->Fail(message);
    png_longjmp(png, 1);
  }
  static void OnWarning(png_structp, png_const_charp) {}

  std::string_view left_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  int color_type_ = 0;
  int bit_depth_ = 0;
  size_t file_row_bytes_ = 0;
  char error_[128] = "";
};

absl::Status Damaged(const char* why) {
  return absl::InvalidArgumentError(absl::StrCat("the PNG file cannot be decoded: ", why));
}

void AppendGrey(uint8_t value, std::vector<uint8_t>& rgb) { rgb.insert(rgb.end(), 3, value); }

// The rows in the form that was asked for.
absl::StatusOr<std::vector<uint8_t>> ReadBytes(PngReader& reader, const FileHeader& header) {
  const size_t stride = reader.row_bytes();
  const auto height = static_cast<size_t>(header.height);
  // Deflate packs 1032 bytes into one at best (RFC 1951: 258 of them into two bits): a claim beyond that is a lie, and
  // is not worth the memory.
  constexpr uint64_t kBestPacking = 1032;
  if (reader.file_row_bytes() * height / kBestPacking > header.data_bytes)
    return Damaged("it has too little data for its size");
  std::vector<uint8_t> bytes(stride * height);
  std::vector<png_bytep> rows(height);
  for (size_t y = 0; y < height; ++y) rows[y] = bytes.data() + y * stride;
  if (!reader.ReadRows(rows.data())) return Damaged(reader.error());
  return bytes;
}

}  // namespace

absl::StatusOr<Picture> DecodePng(std::string_view file, const FileHeader& header) {
  PngReader reader(file);
  if (!reader.Begin(header) || !reader.AskForColors()) return Damaged(reader.error());
  absl::StatusOr<std::vector<uint8_t>> read = ReadBytes(reader, header);
  if (!read.ok()) return read.status();
  std::vector<uint8_t>& bytes = *read;
  Picture picture{.width = static_cast<int>(header.width), .height = static_cast<int>(header.height), .rgb = {}};
  if (reader.color_type() == PNG_COLOR_TYPE_RGB || reader.color_type() == PNG_COLOR_TYPE_RGB_ALPHA) {
    picture.rgb = std::move(bytes);
  } else if (reader.color_type() == PNG_COLOR_TYPE_PALETTE) {
    png_colorp colors = nullptr;
    const int count = reader.Palette(&colors);
    picture.rgb.reserve(3 * bytes.size());
    for (const uint8_t index : bytes) {
      if (index >= count) return Damaged("a pixel's colour is not in the palette");
      picture.rgb.insert(picture.rgb.end(), {colors[index].red, colors[index].green, colors[index].blue});
    }
  } else if (reader.color_type() == PNG_COLOR_TYPE_GRAY && reader.bit_depth() == 16) {
    picture.rgb.reserve(3 * bytes.size() / 2);
    // Clipped, not scaled: so does Pillow, for which 16-bit grey holds numbers rather than shades.
    for (size_t i = 0; i + 1 < bytes.size(); i += 2) AppendGrey(bytes[i] != 0 ? 255 : bytes[i + 1], picture.rgb);
  } else {
    picture.rgb.reserve(3 * bytes.size());
    for (const uint8_t value : bytes) AppendGrey(value, picture.rgb);
  }
  if (!picture.valid()) return absl::InternalError("libpng gave rows of another length");
  return picture;
}

absl::StatusOr<Picture> DecodePngTransparency(std::string_view file, const FileHeader& header) {
  PngReader reader(file);
  if (!reader.Begin(header) || !reader.AskForTransparency()) return Damaged(reader.error());
  const absl::StatusOr<std::vector<uint8_t>> bytes = ReadBytes(reader, header);
  if (!bytes.ok()) return bytes.status();
  Picture picture{.width = static_cast<int>(header.width), .height = static_cast<int>(header.height), .rgb = {}};
  picture.rgb.reserve(bytes->size() / 4 * 3);
  for (size_t i = 3; i < bytes->size(); i += 4) AppendGrey((*bytes)[i] == 0 ? 255 : 0, picture.rgb);
  if (!picture.valid()) return absl::InternalError("libpng gave rows of another length");
  return picture;
}

}  // namespace latentd::imaging
