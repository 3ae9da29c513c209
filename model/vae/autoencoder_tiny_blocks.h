#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <vector>

#include "model/layers/conv2d.h"
#include "model/vae/autoencoder_tiny_config.h"

namespace latentd::model {

// Three convolutions with a shortcut around them (diffusers' AutoencoderTinyBlock, as many channels out as in).
class TinyBlockImpl : public torch::nn::Module {
 public:
  TinyBlockImpl(int64_t channels, Activation activation, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& x) const;  // [B, C, H, W] -> [B, C, H, W]

 private:
  Conv2d first_{nullptr}, second_{nullptr}, third_{nullptr};  // "conv.0", "conv.2", "conv.4"
  const Activation activation_;
};
TORCH_MODULE(TinyBlock);

// A convolution and the blocks behind it (the encoder's order), or blocks and the convolution behind them (the
// decoder's). The layers are numbered in one list in the checkpoint.
struct TinyStage {
  Conv2d conv{nullptr};
  std::vector<TinyBlock> blocks;

  at::Tensor RunBlocks(const at::Tensor& x) const;  // [B, C, H, W] -> [B, C, H, W]
};

// Images in [-1, 1] to latents (diffusers' EncoderTiny).
class TinyEncoderImpl : public torch::nn::Module {
 public:
  TinyEncoderImpl(const AutoencoderTinyConfig& config, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& images) const;  // [B, in, H, W] -> [B, latent, h, w]

 private:
  std::vector<TinyStage> stages_;
  Conv2d conv_out_{nullptr};
};
TORCH_MODULE(TinyEncoder);

// Latents to images around [-1, 1] (diffusers' DecoderTiny).
class TinyDecoderImpl : public torch::nn::Module {
 public:
  TinyDecoderImpl(const AutoencoderTinyConfig& config, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& latents) const;  // [B, latent, h, w] -> [B, out, H, W]

 private:
  Conv2d conv_in_{nullptr};
  std::vector<TinyStage> stages_;
  const Activation activation_;
  const int64_t factor_;  // of the enlargement behind each stage but the last
};
TORCH_MODULE(TinyDecoder);

}  // namespace latentd::model
