#include "server/engine/job_adapters.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/core/errors.h"

namespace latentd::engine {
namespace {

void AddPicture(std::shared_ptr<const model::ImagePrompt> adapter, double scale, size_t picture,
                std::vector<ImagePromptUse>& uses) {
  const auto found = std::find_if(uses.begin(), uses.end(), [&](const ImagePromptUse& use) {
    return use.adapter == adapter && use.scale == scale;
  });
  if (found != uses.end()) {
    found->pictures.push_back(picture);
  } else {
    uses.push_back({.adapter = std::move(adapter), .scale = scale, .pictures = {picture}});
  }
}

// Whether a LoRA changes modules that the motion module does not have: the middle one, which is the last.
bool ChangesMore(const model::Lora& lora, const model::MotionModule& motion) {
  const auto changes = lora.Changes(model::kMotionNetwork);
  return !changes.empty() && changes.back().layer >= motion.layers().layers().size();
}

}  // namespace

absl::StatusOr<JobAdapters> JobAdapters::Make(const core::GenerationRequest& request, AdapterLease lease) {
  JobAdapters job;
  size_t pictures = 0;
  for (const core::AdapterUse& use : request.adapters()) {
    const AdapterLease::Held& held = lease.adapters().at(use.name);
    switch (use.kind) {
      case core::AdapterKind::kLora: {
        auto lora = std::static_pointer_cast<const model::Lora>(held.adapter);
        if (lora->changes_text()) absl::StrAppend(&job.text_key_, held.content_hash, " * ", use.scale, "\n");
        job.loras_.push_back({.lora = std::move(lora), .scale = use.scale});
        break;
      }
      case core::AdapterKind::kImagePrompt:
        AddPicture(std::static_pointer_cast<const model::ImagePrompt>(held.adapter), use.scale, pictures++,
                   job.image_prompts_);
        break;
      case core::AdapterKind::kControlNet:
        job.controls_.push_back({.applied = {.net = std::static_pointer_cast<const model::ControlNet>(held.adapter),
                                             .hint = {},
                                             .scale = use.scale},
                                 .start = use.start,
                                 .end = use.end});
        break;
      case core::AdapterKind::kMotion:
        job.motion_ = std::static_pointer_cast<const model::MotionModule>(held.adapter);
        job.motion_key_ = held.content_hash;
        break;
      case core::AdapterKind::kEmbedding: {
        auto file = std::static_pointer_cast<const model::TextualInversion>(held.adapter);
        std::string token = file->token().empty() ? use.name : file->token();
        absl::StrAppend(&job.text_key_, held.content_hash, " as ", token, "\n");
        job.embeddings_.push_back({.token = std::move(token), .file = std::move(file)});
        break;
      }
    }
  }
  for (const core::AdapterUse& use : request.adapters()) {
    if (use.kind != core::AdapterKind::kLora || job.motion_ == nullptr) continue;
    const auto& lora = static_cast<const model::Lora&>(*lease.adapters().at(use.name).adapter);
    if (!ChangesMore(lora, *job.motion_)) continue;
    return core::MakeError(absl::StatusCode::kFailedPrecondition,
                           absl::StrCat("the adapter ", use.name, " changes a motion module in the middle block, as ",
                                        "version 2 has it; the motion module of this request has none"),
                           {.reason = "ADAPTER_UNFIT", .resource_type = "adapter", .resource_name = use.name});
  }
  job.lease_ = std::move(lease);
  return job;
}

void JobAdapters::EncodeControls(const std::vector<at::Tensor>& pictures) {
  for (size_t i = 0; i < controls_.size(); ++i) {
    model::AppliedControl& control = controls_[i].applied;
    if (!control.hint.defined()) control.hint = control.net->EncodeHint(pictures[i]);
  }
}

std::vector<model::AppliedControl> JobAdapters::ControlsAt(int evaluation, int evaluations) const {
  std::vector<model::AppliedControl> acting;
  for (const Control& control : controls_) {
    // As diffusers' pipelines compute `controlnet_keep`.
    const bool begun = static_cast<double>(evaluation) / evaluations >= control.start;
    const bool over = static_cast<double>(evaluation + 1) / evaluations > control.end;
    if (begun && !over) acting.push_back(control.applied);
  }
  return acting;
}

}  // namespace latentd::engine
