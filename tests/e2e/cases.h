#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "latentd/v1/spec.pb.h"

namespace latentd::e2e {

// Empty when it cannot be read.
std::string ReadFile(const std::string& path);

// Folder of the small models and of the pictures that diffusers made with them; see tests/parity/pipelines. The
// variable LATENTD_GOLDEN_PIPELINES names another one.
std::string GoldenFolder();
std::string GoldenModels();

// The systems of the family that there are cases of: the files of tests/golden/pipelines/cases.
std::vector<std::string> GoldenSystems();

// One request of a system, with its reference pictures.
struct GoldenCase {
  std::string name;
  v1::GenerationSpec spec;
  std::vector<std::string> pictures;  // PNG files
  // What is asked for with each output of `spec` as its image, when the pictures are those of two jobs.
  std::optional<v1::GenerationSpec> then;
};

std::vector<GoldenCase> GoldenCases(const std::string& system);

// Pixels of an encoded picture, 8-bit RGB; empty when it cannot be read.
struct Pixels {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> rgb;
};
Pixels Decode(const std::string& file);

// The largest difference of any channel of any pixel; 256 when the sizes differ.
int LargestDifference(const Pixels& a, const Pixels& b);

}  // namespace latentd::e2e
