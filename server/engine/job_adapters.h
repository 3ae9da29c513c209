#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/pipeline/diffusion_model.h"
#include "server/core/generation_request.h"
#include "server/engine/adapter_registry.h"

namespace latentd::engine {

// Pictures that an IP-Adapter looks at together.
struct ImagePromptUse {
  std::shared_ptr<const model::ImagePrompt> adapter;
  double scale = 1;
  std::vector<size_t> pictures;  // counted among the request's image prompts
};

// What a job's rows carry beside their model: its adapters, as the request scales them.
class JobAdapters {
 public:
  JobAdapters() = default;

  // REQUIRES: the lease has every adapter that the request names, each of the kind that it names it as.
  static JobAdapters Make(const core::GenerationRequest& request, AdapterLease lease);

  const std::vector<model::AppliedLora>& loras() const { return loras_; }

  // Entries of one adapter with one scale are one (in diffusers, a list of pictures for one of its adapters).
  const std::vector<ImagePromptUse>& image_prompts() const { return image_prompts_; }

  // What the adapters make of a prompt's conditioning: equal texts, equal conditioning. Empty when they leave it alone.
  const std::string& text_key() const { return text_key_; }

 private:
  AdapterLease lease_;  // goes last
  std::vector<model::AppliedLora> loras_;
  std::vector<ImagePromptUse> image_prompts_;
  std::string text_key_;
};

}  // namespace latentd::engine
