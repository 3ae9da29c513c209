#include "server/engine/job_adapters.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

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

}  // namespace

JobAdapters JobAdapters::Make(const core::GenerationRequest& request, AdapterLease lease) {
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
      case core::AdapterKind::kMotion:
      case core::AdapterKind::kEmbedding:
        break;
    }
  }
  job.lease_ = std::move(lease);
  return job;
}

}  // namespace latentd::engine
