#pragma once

#include <utility>

#include "model/pipeline/conditioner.h"
#include "model/text/bert_tokenizer.h"
#include "model/text/ldm_bert.h"

namespace latentd::model {

// The text encoder of latent diffusion. It has one window, and no layers that could be skipped.
class BertConditioner final : public Conditioner {
 public:
  BertConditioner(BertTokenizer tokenizer, LdmBertModel encoder, at::Device device)
      : tokenizer_(std::move(tokenizer)), encoder_(std::move(encoder)), device_(device) {}

  int64_t memory_bytes() const override;
  std::vector<Conditioning> Encode(std::span<const Prompt> prompts) const override;

 private:
  const BertTokenizer tokenizer_;
  const LdmBertModel encoder_;
  const at::Device device_;
};

}  // namespace latentd::model
