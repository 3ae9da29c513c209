#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/client/cli/process.h"
#include "tests/client/fake_server.h"

namespace latentd::cli {

// The real latentctl against a fake server, with a folder of its own that goes with the test.
class LatentctlTest : public testing::Test {
 protected:
  LatentctlTest() {
    std::string name = testing::TempDir() + "latentctl.XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~LatentctlTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }

  std::string Contents(const std::string& name) const {
    std::ifstream file(folder_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  // `command` with --server, then `more`.
  std::vector<std::string> With(const std::string& command, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {command, "--server", server_.address()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  // generate --model m --prompt p --out apple.png
  std::vector<std::string> Generate(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments =
        With("generate", {"--model", "m", "--prompt", "p", "--out", Path("apple.png")});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  client::FakeServer server_;
  std::filesystem::path folder_;
};

}  // namespace latentd::cli
