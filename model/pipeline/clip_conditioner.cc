#include "model/pipeline/clip_conditioner.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <map>

#include "model/adapters/lora_scope.h"
#include "model/pipeline/network_bytes.h"
#include "model/text/prompt_windows.h"
#include "model/text/weigh_states.h"

namespace latentd::model {
namespace {

PromptWindows WindowsOf(const Prompt& prompt, const ClipTokenizer& tokenizer) {
  if (prompt.literal) return LiteralWindow(tokenizer, prompt.text);
  const WeightedPrompt parsed = ParseWeightedPrompt(prompt.text);
  TORCH_CHECK(parsed.fault.empty(), parsed.fault);
  return SplitIntoWindows(tokenizer, parsed.pieces);
}

// A window of one of the prompts.
struct Place {
  size_t prompt;
  PromptWindow window;
};

// So that windows with the same LoRAs are neighbours; those of a prompt stay in their order.
void SortByLoras(std::span<const Prompt> prompts, std::vector<Place>& places) {
  std::vector<LoraSet> sets;
  for (const Prompt& prompt : prompts) sets.emplace_back(prompt.loras);
  const std::vector<size_t> numbers = NumberLoras(sets);
  std::stable_sort(places.begin(), places.end(),
                   [&](const Place& a, const Place& b) { return numbers[a.prompt] < numbers[b.prompt]; });
}

}  // namespace

int64_t ClipConditioner::memory_bytes() const { return NetworkBytes(*encoder_); }

std::vector<Conditioning> ClipConditioner::Encode(std::span<const Prompt> prompts) const {
  // One forward for all windows of a clip skip.
  struct Place {
    size_t prompt;
    PromptWindow window;
  };
  std::map<int, std::vector<Place>> by_clip_skip;
  std::vector<Conditioning> encoded(prompts.size());
  for (size_t i = 0; i < prompts.size(); ++i) {
    PromptWindows cut = WindowsOf(prompts[i], tokenizer_);
    encoded[i].cut_text = std::move(cut.cut_text);
    for (PromptWindow& window : cut.windows) by_clip_skip[prompts[i].clip_skip].push_back({i, std::move(window)});
  }
  std::vector<std::vector<at::Tensor>> states(prompts.size());  // of each prompt's windows: [T, D]
  for (auto& [clip_skip, places] : by_clip_skip) {
    SortByLoras(prompts, places);
    std::vector<at::Tensor> ids;
    std::vector<LoraSet> loras;
    for (const Place& place : places) {
      ids.push_back(at::tensor(place.window.ids, at::kLong));
      loras.push_back(prompts[place.prompt].loras);
    }
    const LoraScope scope(adaptable_, loras);
    const at::Tensor batch = encoder_->Encode(at::stack(ids).to(device_), clip_skip);  // [n, T, D]
    for (size_t i = 0; i < places.size(); ++i) {
      const auto& [prompt, window] = places[i];
      const at::Tensor own = batch[static_cast<int64_t>(i)];
      states[prompt].push_back(window.weighted() ? WeighStates(own, window.weights) : own);
    }
  }
  for (size_t i = 0; i < prompts.size(); ++i) encoded[i].states = at::cat(states[i]);
  return encoded;
}

}  // namespace latentd::model
