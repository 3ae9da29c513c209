#include "model/unet/controlnet_config.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

namespace latentd::model {
namespace {

constexpr size_t kMaxHintChannels = 12;

}  // namespace

ControlNetConfig ReadControlNetConfig(ConfigReader reader) {
  ControlNetConfig config;
  config.picture_channels = reader.GetCount("conditioning_channels", 3);
  // Pictures are decoded to three colours.
  if (config.picture_channels != 3) reader.AddProblem("conditioning_channels", "must be 3");
  const std::string hint = "conditioning_embedding_out_channels";
  config.hint_channels = reader.Get<std::vector<int64_t>>(hint, config.hint_channels);
  const bool fine = !config.hint_channels.empty() && config.hint_channels.size() <= kMaxHintChannels &&
                    std::all_of(config.hint_channels.begin(), config.hint_channels.end(),
                                [](int64_t n) { return n >= 1 && n <= ConfigReader::kMaxCount; });
  if (!fine) reader.AddProblem(hint, "must have 1 to 12 entries between 1 and 65536");
  config.blue_first = reader.GetChoice("controlnet_conditioning_channel_order", "rgb", {"rgb", "bgr"}) == "bgr";
  reader.Only("global_pool_conditions", false);
  reader.Only("num_class_embeds", nullptr);
  if (reader.IsNull("mid_block_type")) reader.AddProblem("mid_block_type", "null is not supported");
  // Its configuration has no way up.
  const nlohmann::json& down = reader.Raw("down_block_types");
  reader.Supply("up_block_types", std::vector<std::string>(down.is_array() ? down.size() : 4, "UpBlock2D"));
  config.unet = ReadUNetConfig(std::move(reader));
  return config;
}

}  // namespace latentd::model
