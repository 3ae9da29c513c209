#pragma once

#include "absl/status/statusor.h"
#include "server/core/blob.h"
#include "server/core/input_image.h"

namespace latentd::imaging {

// A file that came with a request, a picture or a latent, looked at (InspectImage or InspectLatent, with their errors)
// and hashed, not decoded. Thread-safe.
absl::StatusOr<core::InputImage> OpenImage(core::Blob file);

}  // namespace latentd::imaging
