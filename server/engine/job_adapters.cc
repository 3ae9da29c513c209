#include "server/engine/job_adapters.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace latentd::engine {

JobAdapters JobAdapters::Make(const core::GenerationRequest& request, AdapterLease lease) {
  JobAdapters job;
  for (const core::AdapterUse& use : request.adapters()) {
    const AdapterLease::Held& held = lease.adapters().at(use.name);
    switch (use.kind) {
      case core::AdapterKind::kLora: {
        auto lora = std::static_pointer_cast<const model::Lora>(held.adapter);
        if (lora->changes_text()) absl::StrAppend(&job.text_key_, held.content_hash, " * ", use.scale, "\n");
        job.loras_.push_back({.lora = std::move(lora), .scale = use.scale});
        break;
      }
      case core::AdapterKind::kControlNet:
      case core::AdapterKind::kMotion:
      case core::AdapterKind::kImagePrompt:
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
  job.lease_ = std::move(lease);
  return job;
}

}  // namespace latentd::engine
