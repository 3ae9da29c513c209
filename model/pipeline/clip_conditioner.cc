#include "model/pipeline/clip_conditioner.h"

#include <ATen/ops/cat.h>

#include <algorithm>
#include <map>

#include "model/adapters/lora_scope.h"
#include "model/layers/network_bytes.h"
#include "model/pipeline/token_batch.h"
#include "model/text/prompt_windows.h"
#include "model/text/weigh_states.h"

namespace latentd::model {
namespace {

// A window of one of the prompts.
struct Place {
  size_t prompt;
  PromptWindow window;
};

}  // namespace

int64_t ClipConditioner::memory_bytes() const { return NetworkBytes(*encoder_); }

std::vector<Conditioning> ClipConditioner::Encode(std::span<const Prompt> prompts) const {
  // One forward for all windows of a clip skip.
  std::map<int, std::vector<Place>> by_clip_skip;
  std::vector<Conditioning> encoded(prompts.size());
  for (size_t i = 0; i < prompts.size(); ++i) {
    const Prompt& prompt = prompts[i];
    const OwnTokens own = OwnTokensOf(prompt, adaptable_.name(), encoder_->config().vocab_size);
    PromptWindows cut = WindowsOf(tokenizer_, prompt.text, prompt.literal, own);
    encoded[i].embeddings_used.resize(prompt.embeddings.size());
    NoteUsed(cut, own, encoded[i].embeddings_used);
    encoded[i].cut_text = std::move(cut.cut_text);
    for (PromptWindow& window : cut.windows) by_clip_skip[prompt.clip_skip].push_back({i, std::move(window)});
  }
  const std::vector<size_t> numbers = LoraNumbers(prompts);
  std::vector<std::vector<at::Tensor>> states(prompts.size());  // of each prompt's windows: [T, D]
  for (auto& [clip_skip, places] : by_clip_skip) {
    std::stable_sort(places.begin(), places.end(),
                     [&](const Place& a, const Place& b) { return numbers[a.prompt] < numbers[b.prompt]; });
    TokenBatch tokens(adaptable_.name(), encoder_->config().vocab_size);
    std::vector<LoraSet> loras;
    for (const Place& place : places) {
      tokens.Add(place.window, prompts[place.prompt]);
      loras.push_back(prompts[place.prompt].loras);
    }
    const LoraScope scope(adaptable_, loras);
    const at::Tensor ids = tokens.ids().to(device_);                              // [n, T]
    const at::Tensor batch = encoder_->Encode(ids, clip_skip, tokens.vectors());  // [n, T, D]
    const at::Tensor pooled = PoolAtEnd(encoder_->config(), ids, batch);          // [n, D]
    for (size_t i = 0; i < places.size(); ++i) {
      const auto& [prompt, window] = places[i];
      if (prompts[prompt].is_phrase) {
        encoded[prompt].pooled = pooled[static_cast<int64_t>(i)].clone();
        continue;
      }
      const at::Tensor own = batch[static_cast<int64_t>(i)];
      states[prompt].push_back(window.weighted() ? WeighStates(own, window.weights) : own);
    }
  }
  for (size_t i = 0; i < prompts.size(); ++i) {
    if (!prompts[i].is_phrase) encoded[i].states = at::cat(states[i]);
  }
  return encoded;
}

}  // namespace latentd::model
