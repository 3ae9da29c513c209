#pragma once

#include "server/imaging/picture.h"

namespace latentd::imaging {

// The picture in grey, as Pillow's convert("L") makes it: ITU-R 601-2 luma in 16 fractional bits.
// REQUIRES: picture.valid().
Plane ToGrey(const Picture& picture);

// A mask: 255 (redraw) where the grey is at least half, else 0 (keep); what diffusers' mask processor
// (VaeImageProcessor with do_convert_grayscale and do_binarize) makes of a picture that already has the wanted size. It
// resizes before, so that a scaled mask's edges stay where they were: FitTo first, then this. REQUIRES:
// picture.valid().
Plane ToMask(const Picture& picture);

}  // namespace latentd::imaging
