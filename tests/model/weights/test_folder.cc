#include "tests/model/weights/test_folder.h"

#include <cstdint>
#include <fstream>

#include "model/errors.h"

namespace latentd::model {

TestFolder::TestFolder() {
  std::string name = testing::TempDir() + "/latentd-XXXXXX";
  path_ = mkdtemp(name.data());
}

TestFolder::~TestFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path TestFolder::Write(const std::string& name, std::string_view bytes) const {
  const std::filesystem::path file = path_ / name;
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << bytes;
  return file;
}

std::string SafetensorsBytes(std::string_view header, std::string_view data) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(static_cast<uint64_t>(header.size()) >> (8 * i)));
  return bytes.append(header).append(data);
}

std::vector<std::string> ProblemsOf(const std::function<void()>& run) {
  try {
    run();
  } catch (const ModelError& error) {
    return error.problems();
  }
  ADD_FAILURE() << "no ModelError was thrown";
  return {};
}

}  // namespace latentd::model
