#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace latentd::model {

// A new, empty folder that is removed with all it holds when the object goes.
class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  // Writes `bytes` to the file `name`, which may name folders below this one, and returns its path.
  std::filesystem::path Write(const std::string& name, std::string_view bytes) const;

 private:
  std::filesystem::path path_;
};

// A safetensors file: the length of `header`, `header`, `data`.
std::string SafetensorsBytes(std::string_view header, std::string_view data);

// The problems of the ModelError that `run` throws; none, and a failed test, when it throws nothing.
std::vector<std::string> ProblemsOf(const std::function<void()>& run);

}  // namespace latentd::model
