#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "model/weights/tensor_source.h"

namespace latentd::model {

// A checkpoint in several safetensors files, with an index (`*.safetensors.index.json`) whose `weight_map` says which
// tensor is in which file. The files stand in the index's own folder.
class ShardedSource : public TensorSource {
 public:
  // Throws ModelError listing every file that is missing, broken, or not a plain file name (`../x.safetensors`), and
  // every tensor that is not where the index says, or that a file holds without the index saying so.
  static std::shared_ptr<const ShardedSource> Open(const std::filesystem::path& index);

  const std::string& where() const override { return where_; }
  const std::map<std::string, TensorInfo>& tensors() const override { return tensors_; }
  at::Tensor Get(const std::string& name) const override { return homes_.at(name)->Get(name); }
  void Release(const std::string& name) const override { homes_.at(name)->Release(name); }

 private:
  explicit ShardedSource(const std::filesystem::path& index);

  const std::string where_;
  std::map<std::string, TensorInfo> tensors_;
  std::map<std::string, std::shared_ptr<const TensorSource>> homes_;
};

}  // namespace latentd::model
