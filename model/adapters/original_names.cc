#include "model/adapters/original_names.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace latentd::model {
namespace {

constexpr std::pair<std::string_view, std::string_view> kTopLevel[] = {
    {"conv_in", "input_blocks.0.0"},
    {"conv_out", "out.2"},
    {"time_embedding.linear_1", "time_embed.0"},
    {"time_embedding.linear_2", "time_embed.2"},
    {"add_embedding.linear_1", "label_emb.0.0"},
    {"add_embedding.linear_2", "label_emb.0.2"},
};

constexpr std::pair<std::string_view, std::string_view> kOfResnet[] = {
    {"conv1", "in_layers.2"},
    {"time_emb_proj", "emb_layers.1"},
    {"conv2", "out_layers.3"},
    {"conv_shortcut", "skip_connection"},
};

// A layer inside a block: `down_blocks.1.attentions.0.proj_in`, or `mid_block.resnets.1.conv1` with block 0.
struct Place {
  std::string_view side;  // "down_blocks", "mid_block", "up_blocks"
  size_t block = 0;
  std::string_view kind;  // "resnets", "attentions", "downsamplers", "upsamplers"
  size_t index = 0;
  std::string_view rest;
};

std::string_view TakeWord(std::string_view& text) {
  const size_t dot = std::min(text.find('.'), text.size());
  const std::string_view word = text.substr(0, dot);
  text.remove_prefix(std::min(dot + 1, text.size()));
  return word;
}

size_t Number(std::string_view digits) {
  size_t number = 0;
  for (const char c : digits) number = number * 10 + static_cast<size_t>(c - '0');
  return number;
}

std::optional<Place> Find(std::string_view name) {
  Place place;
  place.side = TakeWord(name);
  if (place.side != "down_blocks" && place.side != "mid_block" && place.side != "up_blocks") return std::nullopt;
  if (place.side != "mid_block") place.block = Number(TakeWord(name));
  place.kind = TakeWord(name);
  place.index = Number(TakeWord(name));
  place.rest = name;
  return place;
}

// How many residual blocks the blocks of a side have, and whether they attend.
struct Side {
  std::vector<size_t> resnets;
  std::vector<bool> attends;

  void Add(const Place& place) {
    if (place.block >= resnets.size()) {
      resnets.resize(place.block + 1);
      attends.resize(place.block + 1);
    }
    if (place.kind == "resnets") resnets[place.block] = std::max(resnets[place.block], place.index + 1);
    if (place.kind == "attentions") attends[place.block] = true;
  }

  // Of the blocks before `block`, when each has `more` entries beside its residual blocks.
  size_t Before(size_t block, size_t more) const {
    size_t count = 0;
    for (size_t i = 0; i < block; ++i) count += resnets[i] + more;
    return count;
  }
};

std::string InResnet(std::string_view rest) {
  for (const auto& [ours, original] : kOfResnet) {
    if (rest == ours) return std::string(original);
  }
  return std::string(rest);
}

std::string Original(const Place& place, const Side& down, const Side& up) {
  const bool resnet = place.kind == "resnets";
  const std::string rest = resnet ? InResnet(place.rest) : std::string(place.rest);
  if (place.side == "mid_block") {  // residual block, transformer, residual block
    return "middle_block." + std::to_string(resnet ? 2 * place.index : 1) + "." + rest;
  }
  if (place.side == "down_blocks") {  // entry 0 is conv_in
    const size_t first = 1 + down.Before(place.block, /*more=*/1);
    if (place.kind == "downsamplers") {
      return "input_blocks." + std::to_string(first + down.resnets[place.block]) + ".0.op";
    }
    return "input_blocks." + std::to_string(first + place.index) + (resnet ? ".0." : ".1.") + rest;
  }
  const size_t first = up.Before(place.block, /*more=*/0);
  if (place.kind == "upsamplers") {  // behind what the last entry has
    return "output_blocks." + std::to_string(first + up.resnets[place.block] - 1) +
           (up.attends[place.block] ? ".2." : ".1.") + rest;
  }
  return "output_blocks." + std::to_string(first + place.index) + (resnet ? ".0." : ".1.") + rest;
}

}  // namespace

std::map<std::string, std::string> OriginalUNetNames(std::span<const std::string> layers) {
  Side down, up;
  for (const std::string& name : layers) {
    const std::optional<Place> place = Find(name);
    if (place && place->side == "down_blocks") down.Add(*place);
    if (place && place->side == "up_blocks") up.Add(*place);
  }
  std::map<std::string, std::string> originals;
  for (const std::string& name : layers) {
    if (const std::optional<Place> place = Find(name)) originals[name] = Original(*place, down, up);
    for (const auto& [ours, original] : kTopLevel) {
      if (name == ours) originals[name] = original;
    }
  }
  return originals;
}

}  // namespace latentd::model
