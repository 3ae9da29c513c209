#pragma once

#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "server/core/generation_request.h"
#include "server/core/model_catalog.h"

namespace latentd::core {

// A model as a catalog might describe one, and requests that suit it.

inline ModelInfo TestModel() {
  return {.name = "pictograms",
          .native_width = 64,
          .native_height = 64,
          .size_multiple = 8,
          .min_size = 16,
          .max_size = 512,
          .max_pixels = 512 * 256,
          .tasks = {Task::kTextToImage},
          .samplers = {{.name = "ddim", .sigmas = {"default"}, .takes_eta = true},
                       {"euler", {"default", "karras"}},
                       {"dpmpp_2m", {"default", "karras"}}},
          .default_sampler = "euler",
          .default_sigmas = "karras",
          .default_steps = 25,
          .default_guidance_scale = 3.5,
          .text_layers = 4,
          .prompt_tokens = 77};
}

inline RequestFields TestFields() { return {.model = "pictograms", .prompt = "a red apple"}; }

inline const absl::Time kTestNow = absl::FromUnixSeconds(1'700'000'000);

// REQUIRES: the fields are valid.
inline std::shared_ptr<const GenerationRequest> TestRequest(const RequestFields& fields = TestFields()) {
  auto validated = GenerationRequest::Validate(fields, TestModel(), RequestLimits(), kTestNow, [] { return 7; });
  return std::make_shared<const GenerationRequest>(std::move(validated.request.value()));
}

}  // namespace latentd::core
