#pragma once

#include <string>
#include <vector>

#include "latentd/v1/spec.pb.h"

namespace latentd::client {

// Larger pictures are sent ahead, as blobs.
inline constexpr size_t kMaxInlineBytes = size_t{1} << 20;
// So are the largest ones of a spec that takes more: a message takes 8 MiB in all.
inline constexpr size_t kMaxSpecBytes = size_t{7} << 20;

// Takes the bytes of the pictures that are to be sent ahead out of `spec`, wherever in it they are, and leaves their
// hashes there.
std::vector<std::string> TakeLargeInputs(v1::GenerationSpec& spec);

}  // namespace latentd::client
