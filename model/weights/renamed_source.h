#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/weights/tensor_source.h"

namespace latentd::model {

// What a tensor of a source is called in the module, and its shape there.
struct RenamedTensor {
  std::string name;
  std::vector<int64_t> shape;
  // Where it has fewer elements than before, it is a run of rows of the original, from this one on.
  int64_t first_row = 0;
  // The original, a matrix, was stored with its rows and columns exchanged.
  bool transposed = false;
};

// A pure function from a tensor of the source to its name and shape in the module; it gives back what it was given for
// tensors that need no change. The maps of the known layouts are in key_maps/.
using KeyMap = std::function<RenamedTensor(const std::string& name, const TensorInfo& info)>;

// The same where a tensor becomes several, or none.
using PartsMap = std::function<std::vector<RenamedTensor>(const std::string& name, const TensorInfo& info)>;

// A source whose tensors have other names, or another shape of the same elements, or are parts of the original's.
// Nothing is copied.
//
//   source = RenamedSource::Make(source, ModernVaeKey);
class RenamedSource : public TensorSource {
 public:
  // Throws ModelError when two tensors get the same name.
  static std::shared_ptr<const RenamedSource> Make(std::shared_ptr<const TensorSource> source, const KeyMap& map);
  static std::shared_ptr<const RenamedSource> Select(std::shared_ptr<const TensorSource> source, const PartsMap& map);

  const std::string& where() const override { return source_->where(); }
  const std::map<std::string, TensorInfo>& tensors() const override { return tensors_; }
  at::Tensor Get(const std::string& name) const override;
  // Of a part, the whole original.
  void Release(const std::string& name) const override { source_->Release(origins_.at(name).name); }

 private:
  // Where a tensor comes from.
  struct Origin {
    std::string name;  // in source_
    int64_t first_row;
    bool transposed;
  };

  RenamedSource(std::shared_ptr<const TensorSource> source, const PartsMap& map);

  const std::shared_ptr<const TensorSource> source_;
  std::map<std::string, TensorInfo> tensors_;
  std::map<std::string, Origin> origins_;
};

}  // namespace latentd::model
