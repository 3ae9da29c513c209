#include "tests/model/layers/golden.h"

#include <ATen/ops/empty.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <utility>

namespace latentd::model {

Golden::Golden(const std::string& name)
    : path_(std::filesystem::path(LATENTD_SOURCE_DIR) / "tests/golden" / name), file_(SafetensorsFile::Open(path_)) {}

ConfigReader Golden::Config() const {
  std::ifstream stream(path_, std::ios::binary);
  uint64_t length = 0;
  stream.read(reinterpret_cast<char*>(&length), sizeof(length));
  std::string header(length, '\0');
  stream.read(header.data(), static_cast<std::streamsize>(length));
  const auto metadata = nlohmann::json::parse(header).at("__metadata__");
  return ConfigReader(path_.string(), nlohmann::json::parse(metadata.at("config").get<std::string>()));
}

std::vector<std::string> Golden::NamesThatBegin(const std::string& start) const {
  std::vector<std::string> names;
  for (const auto& [name, info] : file_->tensors()) {
    if (name.starts_with(start)) names.push_back(name);
  }
  return names;
}

at::Tensor UniformByFormula(const std::string& name, int64_t count) {
  uint32_t seed = 0x811C9DC5;
  for (const char c : name) seed = (seed ^ static_cast<uint8_t>(c)) * 0x01000193;
  at::Tensor values = at::empty({count}, at::kDouble);
  auto* out = values.mutable_data_ptr<double>();
  for (int64_t i = 0; i < count; ++i) {
    uint32_t x = seed + static_cast<uint32_t>(i) * 0x9E3779B9;
    x = (x ^ (x >> 16)) * 0x85EBCA6B;
    x = (x ^ (x >> 13)) * 0xC2B2AE35;
    x ^= x >> 16;
    out[i] = static_cast<double>(x >> 8) / (1 << 23) - 1;
  }
  return values;
}

void FillParameters(torch::nn::Module& module) {
  for (const auto& item : module.named_parameters()) {
    at::Tensor values = UniformByFormula(item.key(), item.value().numel());
    if (item.key().ends_with(".bias")) {
      values = 0.2 * values;
    } else if (item.value().dim() <= 1) {
      values = 1 + 0.3 * values;
    } else {
      values = 2 / std::sqrt(static_cast<double>(item.value().numel() / item.value().size(0))) * values;
    }
    item.value().copy_(values.to(at::kFloat).view(item.value().sizes()));
  }
}

at::Tensor InputByFormula(const std::string& name, at::IntArrayRef shape) {
  return (1.7 * UniformByFormula(name, c10::multiply_integers(shape))).to(at::kFloat).view(shape);
}

double LargestDifference(const std::string& name, const at::Tensor& ours, const at::Tensor& reference) {
  if (ours.sizes() != reference.sizes()) {
    std::printf("%s: shapes differ\n", name.c_str());
    return HUGE_VAL;
  }
  const auto difference = (ours.to(at::kDouble) - reference.to(at::kDouble)).abs().max().item<double>();
  const auto range = reference.to(at::kDouble).abs().max().item<double>();
  std::printf("%s: largest difference %.3g (largest value %.3g)\n", name.c_str(), difference, range);
  return difference;
}

bool SameBytes(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes() || a.scalar_type() != b.scalar_type()) return false;
  const at::Tensor x = a.contiguous();
  const at::Tensor y = b.contiguous();
  return std::memcmp(x.const_data_ptr(), y.const_data_ptr(), x.nbytes()) == 0;
}

}  // namespace latentd::model
