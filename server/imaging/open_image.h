#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "server/core/blob.h"
#include "server/core/input_image.h"

namespace latentd::imaging {

// A file that came with a request, a picture or a latent, looked at (InspectImage or InspectLatent, with their errors),
// not decoded. `sha256` is the file's when it is known; empty: it is computed. Thread-safe.
absl::StatusOr<core::InputImage> OpenImage(core::Blob file, std::string sha256);

}  // namespace latentd::imaging
