#include "model/pipeline/original_configs.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "model/weights/tensor_shapes.h"

namespace latentd::model {
namespace {

using nlohmann::json;

// Heads of Stable Diffusion 1, which fixes their number; later systems and all text encoders fix their width.
constexpr int64_t kHeads = 8;
constexpr int64_t kHeadFeatures = 64;

// Narrower layers have one head.
int64_t HeadsOf(int64_t features) { return std::max<int64_t>(1, features / kHeadFeatures); }

// A tensor's shape, of `dimensions` at least.
const std::vector<int64_t>& ShapeOf(TensorShapes& shapes, const std::string& name, size_t dimensions) {
  static const std::vector<int64_t> kNone(4, 0);
  const std::vector<int64_t>* shape = shapes.Find(name);
  if (shape == nullptr) {
    shapes.AddProblem(name + ": is missing");
    return kNone;
  }
  if (shape->size() < dimensions) {
    shapes.AddProblem(name + ": has fewer than " + std::to_string(dimensions) + " dimensions");
    return kNone;
  }
  return *shape;
}

struct Level {
  int64_t channels;
  int64_t layers;
  int64_t transformer_layers;  // 0: none on the way down
  bool attends_up;
};

Level ReadLevel(TensorShapes& shapes, int64_t level, int64_t levels) {
  const std::string down = "down_blocks." + std::to_string(level) + ".";
  const std::string up = "up_blocks." + std::to_string(levels - 1 - level) + ".";
  return {.channels = ShapeOf(shapes, down + "resnets.0.conv1.weight", 4)[0],
          .layers = shapes.Count(down + "resnets."),
          .transformer_layers = shapes.Count(down + "attentions.0.transformer_blocks."),
          .attends_up = shapes.Has(up + "attentions.")};
}

}  // namespace

json OriginalUNetConfig(const TensorSource& source, const std::string& system, int sample_size) {
  TensorShapes shapes(source);
  const int64_t levels = shapes.Count("down_blocks.");
  // Every system attends in the middle block.
  const std::string middle = "mid_block.attentions.0.";
  const int64_t middle_layers = std::max<int64_t>(1, shapes.Count(middle + "transformer_blocks."));
  json config = {{"in_channels", ShapeOf(shapes, "conv_in.weight", 4)[1]},
                 {"out_channels", ShapeOf(shapes, "conv_out.weight", 4)[0]},
                 {"sample_size", sample_size},
                 {"cross_attention_dim", ShapeOf(shapes, middle + "transformer_blocks.0.attn2.to_k.weight", 2)[1]},
                 {"use_linear_projection", ShapeOf(shapes, middle + "proj_in.weight", 2).size() == 2},
                 {"block_out_channels", json::array()},
                 {"layers_per_block", json::array()},
                 {"transformer_layers_per_block", json::array()},
                 {"attention_head_dim", json::array()},
                 {"down_block_types", json::array()},
                 {"up_block_types", json::array()}};
  for (int64_t i = 0; i < levels; ++i) {
    const Level level = ReadLevel(shapes, i, levels);
    // Where only the middle block attends, the coarsest level says how deep.
    const bool attends = level.transformer_layers > 0;
    const int64_t depth = attends ? level.transformer_layers : i + 1 == levels ? middle_layers : 1;
    config["block_out_channels"].push_back(level.channels);
    config["layers_per_block"].push_back(level.layers);
    config["transformer_layers_per_block"].push_back(depth);
    config["attention_head_dim"].push_back(system == "stable-diffusion-1" ? kHeads : HeadsOf(level.channels));
    config["down_block_types"].push_back(attends ? "CrossAttnDownBlock2D" : "DownBlock2D");
    config["up_block_types"].insert(config["up_block_types"].begin(),
                                    level.attends_up ? "CrossAttnUpBlock2D" : "UpBlock2D");
  }
  if (shapes.Has("add_embedding.")) {
    config["addition_embed_type"] = "text_time";
    config["addition_time_embed_dim"] = 256;
    config["projection_class_embeddings_input_dim"] = ShapeOf(shapes, "add_embedding.linear_1.weight", 2)[1];
  }
  shapes.Finish();
  return config;
}

json OriginalVaeConfig(const TensorSource& source, const std::string& system, int sample_size) {
  TensorShapes shapes(source);
  const bool xl = system.starts_with("stable-diffusion-xl");
  json config = {{"in_channels", ShapeOf(shapes, "encoder.conv_in.weight", 4)[1]},
                 {"out_channels", ShapeOf(shapes, "decoder.conv_out.weight", 4)[0]},
                 {"latent_channels", ShapeOf(shapes, "decoder.conv_in.weight", 4)[1]},
                 {"layers_per_block", shapes.Count("encoder.down_blocks.0.resnets.")},
                 {"sample_size", sample_size},
                 {"scaling_factor", xl ? 0.13025 : 0.18215},
                 {"block_out_channels", json::array()},
                 {"down_block_types", json::array()},
                 {"up_block_types", json::array()}};
  const int64_t levels = shapes.Count("encoder.down_blocks.");
  for (int64_t i = 0; i < levels; ++i) {
    const std::string level = "encoder.down_blocks." + std::to_string(i) + ".";
    config["block_out_channels"].push_back(ShapeOf(shapes, level + "resnets.0.conv1.weight", 4)[0]);
    config["down_block_types"].push_back("DownEncoderBlock2D");
    config["up_block_types"].push_back("UpDecoderBlock2D");
  }
  shapes.Finish();
  return config;
}

json OriginalTextConfig(const TensorSource& source, bool open_clip) {
  TensorShapes shapes(source);
  const std::string tokens = "text_model.embeddings.token_embedding.weight";
  const int64_t features = ShapeOf(shapes, tokens, 2)[1];
  json config = {{"vocab_size", ShapeOf(shapes, tokens, 2)[0]},
                 {"max_position_embeddings", ShapeOf(shapes, "text_model.embeddings.position_embedding.weight", 2)[0]},
                 {"hidden_size", features},
                 {"intermediate_size", ShapeOf(shapes, "text_model.encoder.layers.0.mlp.fc1.weight", 2)[0]},
                 {"num_hidden_layers", shapes.Count("text_model.encoder.layers.")},
                 {"num_attention_heads", HeadsOf(features)},
                 {"hidden_act", open_clip ? "gelu" : "quick_gelu"}};
  if (shapes.Has("text_projection.")) {
    config["projection_dim"] = ShapeOf(shapes, "text_projection.weight", 2)[0];
  }
  shapes.Finish();
  return config;
}

json OriginalSamplerConfig(const std::string& system, const OriginalTraining& training) {
  json config = {{"_class_name", training.v_prediction || training.inpaints ? "DDIMScheduler" : "PNDMScheduler"},
                 {"beta_start", 0.00085},
                 {"beta_end", 0.012},
                 {"beta_schedule", "scaled_linear"},
                 {"num_train_timesteps", 1000},
                 {"steps_offset", 1},
                 {"set_alpha_to_one", false},
                 {"clip_sample", false}};
  if (system.starts_with("stable-diffusion-xl")) {
    config.update({{"_class_name", "EulerDiscreteScheduler"},
                   {"interpolation_type", "linear"},
                   {"skip_prk_steps", true},
                   {"timestep_spacing", "leading"}});
    return config;
  }
  if (!training.inpaints) config["skip_prk_steps"] = true;
  if (training.v_prediction) config["prediction_type"] = "v_prediction";
  return config;
}

}  // namespace latentd::model
