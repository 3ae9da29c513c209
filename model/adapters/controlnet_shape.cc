#include "model/adapters/controlnet_shape.h"

#include <algorithm>
#include <string>
#include <utility>

#include "model/weights/shape_text.h"
#include "model/weights/tensor_shapes.h"

namespace latentd::model {
namespace {

// The length of a tensor along `dimension`.
int64_t LengthOf(TensorShapes& shapes, const std::string& name, size_t dimension) {
  const std::vector<int64_t>* shape = shapes.Find(name);
  if (shape != nullptr && shape->size() > dimension && (*shape)[dimension] > 0) return (*shape)[dimension];
  shapes.AddProblem(name + ": is missing, or is misshapen");
  return 1;
}

// The first tensor of a level that tells how wide its text is; that of the middle for levels that do not attend.
constexpr const char* kTextKey = "transformer_blocks.0.attn2.to_k.weight";

// One number of every level.
std::vector<int64_t> OfLevels(const UNetConfig& unet, int64_t UNetLevel::*number) {
  std::vector<int64_t> values;
  for (const UNetLevel& level : unet.levels) values.push_back(level.*number);
  return values;
}

// Of the text that its blocks on the way down and in the middle attend to, each once.
std::vector<int64_t> TextFeatures(const UNetConfig& unet) {
  std::vector<int64_t> values;
  for (const UNetLevel& level : unet.levels) {
    const bool attends = level.down_attention || &level == &unet.levels.back();
    const bool known = std::find(values.begin(), values.end(), level.context_features) != values.end();
    if (attends && !known) values.push_back(level.context_features);
  }
  return values;
}

}  // namespace

ControlNetConfig ControlNetConfigOf(const TensorSource& tensors, const UNetConfig& unet) {
  TensorShapes shapes(tensors);
  ControlNetConfig config{.unet = unet};
  UNetConfig& own = config.unet;
  own.in_channels = LengthOf(shapes, "conv_in.weight", 1);
  own.time_features = LengthOf(shapes, "time_embedding.linear_1.weight", 0);
  own.guidance_features = 0;
  own.classes = 0;
  own.has_mid_block = true;
  const std::string middle = "mid_block.attentions.0.";
  const std::vector<int64_t>* projection = shapes.Find(middle + "proj_in.weight");
  own.linear_projection = projection != nullptr && projection->size() == 2;
  own.added_features = shapes.Has("add_embedding.") ? LengthOf(shapes, "add_embedding.linear_1.weight", 1) : 0;

  own.levels.clear();
  const auto levels = static_cast<size_t>(shapes.Count("down_blocks."));
  if (levels == 0) shapes.AddProblem("down_blocks: are missing");
  for (size_t i = 0; i < levels; ++i) {
    const std::string block = "down_blocks." + std::to_string(i) + ".";
    UNetLevel level = unet.levels[std::min(i, unet.levels.size() - 1)];  // how many heads it has
    level.channels = LengthOf(shapes, block + "resnets.0.conv1.weight", 0);
    level.layers = shapes.Count(block + "resnets.");
    level.down_attention = shapes.Has(block + "attentions.");
    const std::string attention = level.down_attention ? block + "attentions.0." : middle;
    level.transformer_layers = std::max<int64_t>(1, shapes.Count(attention + "transformer_blocks."));
    level.context_features = LengthOf(shapes, attention + kTextKey, 1);
    own.levels.push_back(level);
  }

  const std::string hint = "controlnet_cond_embedding.";
  config.picture_channels = LengthOf(shapes, hint + "conv_in.weight", 1);
  if (config.picture_channels != 3) {
    shapes.AddProblem("controlnet_cond_embedding.conv_in.weight: takes no pictures of three colours");
  }
  config.hint_channels = {LengthOf(shapes, hint + "conv_in.weight", 0)};
  const int64_t convolutions = shapes.Count(hint + "blocks.");
  for (int64_t i = 1; i < convolutions; i += 2) {
    config.hint_channels.push_back(LengthOf(shapes, hint + "blocks." + std::to_string(i) + ".weight", 0));
  }
  shapes.Finish();
  return config;
}

std::vector<std::string> ControlNetMisfits(const ControlNetConfig& control, const UNetConfig& unet,
                                           int64_t picture_scale) {
  std::vector<std::string> misfits;
  const auto compare = [&](const std::string& field, const auto& has, const auto& needs, const auto& text) {
    if (has != needs) misfits.push_back(field + ": is " + text(has) + "; the model's is " + text(needs));
  };
  const auto number = [](int64_t value) { return std::to_string(value); };
  const auto compare_levels = [&](const std::string& field, int64_t UNetLevel::*value) {
    compare(field, OfLevels(control.unet, value), OfLevels(unet, value), ShapeText);
  };
  // It sees the latent, but not what some U-Nets see beside it.
  compare("in_channels", control.unet.in_channels, std::min(unet.in_channels, unet.out_channels), number);
  compare_levels("block_out_channels", &UNetLevel::channels);
  compare_levels("layers_per_block", &UNetLevel::layers);
  compare("cross_attention_dim", TextFeatures(control.unet), TextFeatures(unet), ShapeText);
  compare("downsample_padding", control.unet.downsample_padding, unet.downsample_padding, number);
  // It may do without them.
  if (control.unet.added_features > 0) {
    compare("projection_class_embeddings_input_dim", control.unet.added_features, unet.added_features, number);
    compare("addition_time_embed_dim", control.unet.added_number_features, unet.added_number_features, number);
  }
  compare("conditioning_embedding_out_channels: pixels for one place of the latent", control.PictureScale(),
          picture_scale, number);
  if (!unet.has_mid_block) misfits.emplace_back("mid_block_type: the model has no middle block");
  return misfits;
}

}  // namespace latentd::model
