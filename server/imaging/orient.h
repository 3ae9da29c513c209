#pragma once

#include <optional>
#include <string_view>

#include "server/imaging/picture.h"

namespace latentd::imaging {

// How a stored picture is to be turned and mirrored before it is shown: EXIF's Orientation (EXIF 2.32, section 4.6.4).
// 1 leaves it alone; 5 to 8 swap width and height.

// From an EXIF block, with or without the "Exif\0\0" in front. Nothing when it has no such entry or cannot be read: a
// camera's broken metadata is no reason to refuse its picture.
std::optional<int> OrientationFromExif(std::string_view exif);

// From an XMP packet (tiff:Orientation). Nothing likewise.
std::optional<int> OrientationFromXmp(std::string_view xmp);

inline bool SwapsEdges(int orientation) { return orientation >= 5 && orientation <= 8; }

// The picture as it is to be shown; Pillow's ImageOps.exif_transpose. Values that mean nothing leave it alone.
// REQUIRES: picture.valid().
Picture Orient(Picture picture, int orientation);

}  // namespace latentd::imaging
