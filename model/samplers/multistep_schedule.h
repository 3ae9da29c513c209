#pragma once

#include "model/samplers/sigma_schedule.h"

namespace latentd::model {

// Where a class of diffusers differs from the others of dpmpp_2m, dpmpp_2m_sde, dpmpp_3m_sde, unipc and deis.
struct MultistepRules {
  // The Karras spacing's timesteps are rounded, not cut down to whole ones.
  bool round_karras = true;
  // With a spacing of their own the levels end at zero, or with their last one again where they would otherwise end at
  // the lowest training sigma.
  bool repeat_last_level = false;
};

// The schedule that these samplers share. Unlike the other samplers', a run leaves out the timestep at its end,
// timesteps are whole, and the spacings go over the whole training range whatever the timesteps. Throws as CheckLevels,
// and when `lambda_min_clipped` leaves no timestep.
SigmaSchedule MakeMultistepSchedule(const SamplerSettings& settings, int steps, const MultistepRules& rules);

}  // namespace latentd::model
