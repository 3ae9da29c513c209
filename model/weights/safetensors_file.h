#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "model/weights/mapped_file.h"
#include "model/weights/safetensors_header.h"
#include "model/weights/tensor_source.h"

namespace latentd::model {

// One safetensors file, memory-mapped; the header is checked as a whole before the first tensor is given out.
//
//   auto file = SafetensorsFile::Open(folder / "diffusion_pytorch_model.safetensors");
//   at::Tensor weight = file->Get("conv_in.weight");  // a view: nothing was copied
//
// The file must not be truncated while it is open (see MappedFile).
class SafetensorsFile : public TensorSource {
 public:
  // Throws ModelError listing everything that is wrong with the file. For a PyTorch pickle file it names the program
  // that converts it: reading a pickle can run code, so the server never does.
  static std::shared_ptr<const SafetensorsFile> Open(const std::filesystem::path& file);

  const std::string& where() const override { return where_; }
  const std::map<std::string, TensorInfo>& tensors() const override { return tensors_; }

  // A view of the file, or a copy where the writer did not align the data to its element size.
  at::Tensor Get(const std::string& name) const override;

  void Release(const std::string& name) const override;

 private:
  explicit SafetensorsFile(const std::filesystem::path& file);

  const std::string where_;
  const std::shared_ptr<const MappedFile> file_;
  std::map<std::string, SafetensorsEntry> entries_;
  std::map<std::string, TensorInfo> tensors_;
};

}  // namespace latentd::model
