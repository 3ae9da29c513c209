#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/pipeline/diffusion_model.h"
#include "model/text/own_tokens.h"
#include "model/text/prompt_windows.h"

namespace latentd::model {

// The tokens that a prompt's embeddings give it for one text encoder, by its name; their ids count on from
// `vocabulary`, the number of rows of the encoder's own table.
OwnTokens OwnTokensOf(const Prompt& prompt, const std::string& encoder, int64_t vocabulary);

// Notes which of a prompt's embeddings its windows hold. `used` has one entry for each.
void NoteUsed(const PromptWindows& windows, const OwnTokens& own, std::vector<bool>& used);

// The windows that a text encoder sees at once. Each prompt's embeddings are its own: what stands for a token in one
// window may be something else, or nothing, in the next.
class TokenBatch {
 public:
  // As for OwnTokensOf.
  TokenBatch(std::string encoder, int64_t vocabulary) : encoder_(std::move(encoder)), vocabulary_(vocabulary) {}

  // `prompt` outlives the batch. The window's ids are those of OwnTokensOf(prompt).
  void Add(const PromptWindow& window, const Prompt& prompt);

  at::Tensor ids() const;      // int64 [n, T] on the CPU
  at::Tensor vectors() const;  // [V, D]: what ids from `vocabulary` on stand for; undefined when there are none

 private:
  // Where a prompt's vectors begin among all.
  int64_t PlaceOf(const Prompt& prompt);

  const std::string encoder_;
  const int64_t vocabulary_;
  std::vector<at::Tensor> ids_;
  std::vector<at::Tensor> vectors_;
  int64_t count_ = 0;  // of vectors
  std::map<const Prompt*, int64_t> places_;
};

}  // namespace latentd::model
