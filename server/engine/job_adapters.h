#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
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

  // FAILED_PRECONDITION (reason ADAPTER_UNFIT) when they do not go together. REQUIRES: the lease has every adapter that
  // the request names, each of the kind that it names it as.
  static absl::StatusOr<JobAdapters> Make(const core::GenerationRequest& request, AdapterLease lease);

  const std::vector<model::AppliedLora>& loras() const { return loras_; }
  const std::vector<model::AppliedEmbedding>& embeddings() const { return embeddings_; }  // in the request's order

  // Null for pictures.
  const model::MotionModule* motion() const { return motion_.get(); }
  // Which one: equal keys, the same modules. Empty for pictures.
  const std::string& motion_key() const { return motion_key_; }

  // Makes of the ControlNets' pictures what they take in every step, once. In the order of the request. On the thread
  // that runs the networks.
  void EncodeControls(const std::vector<at::Tensor>& pictures);

  // The ControlNets that act in the row's evaluation number `evaluation` of `evaluations`, counted from its first to
  // the sampler's last, whether or not it goes so far.
  // REQUIRES: EncodeControls was called.
  std::vector<model::AppliedControl> ControlsAt(int evaluation, int evaluations) const;

  // Entries of one adapter with one scale are one (in diffusers, a list of pictures for one of its adapters).
  const std::vector<ImagePromptUse>& image_prompts() const { return image_prompts_; }

  // What the adapters make of a prompt's conditioning: equal texts, equal conditioning. Empty when they leave it alone.
  const std::string& text_key() const { return text_key_; }

 private:
  struct Control {
    model::AppliedControl applied;
    double start;
    double end;
  };

  AdapterLease lease_;  // goes last
  std::vector<model::AppliedLora> loras_;
  std::vector<model::AppliedEmbedding> embeddings_;
  std::shared_ptr<const model::MotionModule> motion_;
  std::string motion_key_;
  std::vector<Control> controls_;
  std::vector<ImagePromptUse> image_prompts_;
  std::string text_key_;
};

}  // namespace latentd::engine
