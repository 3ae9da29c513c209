#include "server/imaging/open_image.h"

#include <utility>

#include "server/imaging/input_image.h"
#include "server/imaging/latent_file.h"
#include "server/imaging/sha256.h"

namespace latentd::imaging {

absl::StatusOr<core::InputImage> OpenImage(core::Blob file, std::string sha256) {
  if (sha256.empty()) sha256 = Sha256Hex(*file);
  if (IsLatent(*file)) {
    const absl::StatusOr<core::LatentShape> shape = InspectLatent(*file, {});
    if (!shape.ok()) return shape.status();
    return core::InputImage{.data = std::move(file), .sha256 = std::move(sha256), .latent = *shape, .fit = {}};
  }
  const absl::StatusOr<ImageInfo> info = InspectImage(*file, {});
  if (!info.ok()) return info.status();
  return core::InputImage{
      .data = std::move(file), .sha256 = std::move(sha256), .width = info->width, .height = info->height, .fit = {}};
}

}  // namespace latentd::imaging
