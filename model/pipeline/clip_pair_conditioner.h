#pragma once

#include <optional>
#include <vector>

#include "model/pipeline/conditioner.h"
#include "model/text/clip_text_model.h"
#include "model/text/clip_text_projection.h"
#include "model/text/clip_tokenizer.h"

namespace latentd::model {

// The text encoders of Stable Diffusion XL: two, whose states stand side by side; its refiner has the second one only.
// The pooled vector is the second one's.
class ClipPairConditioner final : public Conditioner {
 public:
  struct First {
    ClipTokenizer tokenizer;
    ClipTextModel encoder;
  };
  struct Second {
    ClipTokenizer tokenizer;
    ClipTextModelWithProjection encoder;
  };
  struct Options {
    at::TensorOptions tensors;             // of the encoders
    bool zeros_for_empty_negative = true;  // diffusers' `force_zeros_for_empty_prompt`
  };

  // REQUIRES: both tokenizers have one window.
  ClipPairConditioner(std::optional<First> first, Second second, const Options& options);

  int64_t memory_bytes() const override;
  std::vector<const AdaptableNetwork*> adaptable() const override;
  std::vector<TokenTable> token_tables() const override;

  // A prompt for both encoders gives text_2, too; without a first encoder text_2 is not looked at. The encoder whose
  // text takes fewer windows sees empty ones beside the other's last; the pooled vector is that of the first window.
  std::vector<Conditioning> Encode(std::span<const Prompt> prompts) const override;

 private:
  const std::string& SecondText(const Prompt& prompt) const { return first_ ? prompt.text_2 : prompt.text; }
  bool IsZeros(const Prompt& prompt) const;
  Conditioning Zeros() const;

  const std::optional<First> first_;
  const Second second_;
  const Options options_;
  std::optional<AdaptableNetwork> adaptable_first_;  // empty without a first encoder
  const AdaptableNetwork adaptable_second_;
};

}  // namespace latentd::model
