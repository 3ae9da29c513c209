#pragma once

#include <utility>
#include <vector>

#include "model/pipeline/conditioner.h"
#include "model/text/clip_text_model.h"
#include "model/text/clip_tokenizer.h"

namespace latentd::model {

// One CLIP text encoder: Stable Diffusion 1.x and 2.x.
class ClipConditioner final : public Conditioner {
 public:
  ClipConditioner(ClipTokenizer tokenizer, ClipTextModel encoder, at::Device device)
      : tokenizer_(std::move(tokenizer)),
        encoder_(std::move(encoder)),
        device_(device),
        adaptable_("text_encoder", *encoder_) {}

  int64_t memory_bytes() const override;
  std::vector<const AdaptableNetwork*> adaptable() const override { return {&adaptable_}; }
  std::vector<TokenTable> token_tables() const override { return {{adaptable_.name(), encoder_->token_table()}}; }
  std::vector<Conditioning> Encode(std::span<const Prompt> prompts) const override;

 private:
  const ClipTokenizer tokenizer_;
  const ClipTextModel encoder_;
  const at::Device device_;
  const AdaptableNetwork adaptable_;
};

}  // namespace latentd::model
