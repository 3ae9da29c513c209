#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "model/weights/tensor_source.h"

namespace latentd::model {

// One tensor of a safetensors file.
struct SafetensorsEntry {
  TensorInfo info;
  size_t offset;  // of its first byte, from the start of the file
  size_t length;  // in bytes: elements × size of the type
};

// Reads and checks the header of a safetensors file. What is returned may be trusted: every tensor lies inside the
// file, none overlaps another, together they cover it without a hole, and each is as long as its shape and type say.
//
// The format is 8 bytes of little-endian length, as many bytes of JSON, then the data. The rules are those of the
// `safetensors` crate 0.8 (safetensors/src/tensor.rs, SafeTensors::read_metadata) and of the format's README: a header
// of at most 100 MB that begins with '{', no key twice, offsets that begin at 0 and leave no gap. Stricter than the
// crate: fields other than dtype, shape and data_offsets are refused, and so are types of less than a byte, 8-bit
// floats, unsigned types of more than a byte and complex numbers, which no supported model uses.
//
// `where` is how errors call the file. Throws ModelError listing everything that is wrong (at most 100 problems).
std::map<std::string, SafetensorsEntry> ParseSafetensorsHeader(const std::string& where, std::string_view file);

}  // namespace latentd::model
