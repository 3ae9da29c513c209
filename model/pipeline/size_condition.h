#pragma once

namespace latentd::model {

// What Stable Diffusion XL is told of the picture beside its words, in pixels (Podell et al. 2023, arXiv:2307.01952,
// section 2.2): in training these were facts about the picture at hand.
struct SizeCondition {
  int original_width = 0;
  int original_height = 0;
  int crop_left = 0;
  int crop_top = 0;
  int target_width = 0;        // the base's, which has no score
  int target_height = 0;       // likewise
  double aesthetic_score = 0;  // the refiner's, which has no target size
};

}  // namespace latentd::model
