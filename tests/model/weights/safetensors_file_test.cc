#include "model/weights/safetensors_file.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "model/errors.h"
#include "tests/model/weights/test_folder.h"

namespace latentd::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string Floats(std::initializer_list<float> values) {
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.begin(), bytes.size());
  return bytes;
}

// A header is padded with spaces so that the data begins at a multiple of 8, or one byte behind it.
std::string OneTensor(std::initializer_list<float> values, size_t misaligned_by = 0) {
  const nlohmann::json tensor = {
      {"dtype", "F32"}, {"shape", {values.size()}}, {"data_offsets", {0, 4 * values.size()}}};
  std::string header = nlohmann::json{{"a", tensor}}.dump();
  while (header.size() % 8 != misaligned_by) header += ' ';
  return SafetensorsBytes(header, Floats(values));
}

TEST(SafetensorsFileTest, GivesViewsThatOutliveTheFileObject) {
  const TestFolder folder;
  auto file = SafetensorsFile::Open(folder.Write("x.safetensors", OneTensor({1, 2, 3})));
  const at::Tensor first = file->Get("a");
  const at::Tensor second = file->Get("a");
  EXPECT_EQ(first.const_data_ptr(), second.const_data_ptr());  // nothing was copied
  file->Release("a");
  file.reset();
  std::filesystem::remove(folder.path() / "x.safetensors");
  EXPECT_TRUE(at::equal(first, at::tensor({1.f, 2.f, 3.f})));
}

TEST(SafetensorsFileTest, CopiesDataThatIsNotAligned) {
  const TestFolder folder;
  const auto file = SafetensorsFile::Open(folder.Write("x.safetensors", OneTensor({1, 2, 3}, 1)));
  const at::Tensor tensor = file->Get("a");
  EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.const_data_ptr()) % 4, 0);
  EXPECT_TRUE(at::equal(tensor, at::tensor({1.f, 2.f, 3.f})));
}

TEST(SafetensorsFileTest, GivesTensorsWithoutElements) {
  const TestFolder folder;
  const auto file = SafetensorsFile::Open(folder.Write(
      "x.safetensors", SafetensorsBytes(R"({"a":{"dtype":"F16","shape":[3,0],"data_offsets":[0,0]}})", "")));
  EXPECT_THAT(file->Get("a").sizes(), ElementsAre(3, 0));
  file->Release("a");
}

TEST(SafetensorsFileTest, SaysWhichFileIsBrokenAndHow) {
  const TestFolder folder;
  std::string bytes = OneTensor({1, 2, 3});
  bytes.pop_back();
  const auto path = folder.Write("x.safetensors", bytes);
  try {
    SafetensorsFile::Open(path);
    FAIL();
  } catch (const ModelError& error) {
    EXPECT_EQ(error.where(), path.string());
    EXPECT_THAT(error.problems(), ElementsAre(HasSubstr("truncated")));
  }
}

TEST(SafetensorsFileTest, NamesTheConverterForPickleFiles) {
  const TestFolder folder;
  const auto problems = [&](const std::string& name, const std::string& bytes) {
    return ProblemsOf([&] { SafetensorsFile::Open(folder.Write(name, bytes)); });
  };
  using namespace std::string_literals;
  for (const char* name : {"model.ckpt", "model.bin", "model.pt", "model.pth"}) {
    EXPECT_THAT(problems(name, "whatever it holds"), ElementsAre(HasSubstr("deploy/convert.py"))) << name;
  }
  EXPECT_THAT(problems("renamed.safetensors", "PK\x03\x04\0\0\0\0"s), ElementsAre(HasSubstr("deploy/convert.py")));
  EXPECT_THAT(problems("old.safetensors", "\x80\x02}q\0\0\0\0"s), ElementsAre(HasSubstr("deploy/convert.py")));
  EXPECT_THAT(problems("model.onnx", "12345678"), ElementsAre(HasSubstr("not a safetensors file")));
  EXPECT_THAT(problems("pointer.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
              ElementsAre(HasSubstr("git lfs pull")));
}

TEST(SafetensorsFileTest, ReadsHeadersWhoseLengthBeginsLikeAPickle) {
  const TestFolder folder;
  std::string header = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  header.resize(0x0280, ' ');  // the length's first bytes are 80 02
  const auto path = folder.Write("x.safetensors", SafetensorsBytes(header, "1234"));
  EXPECT_EQ(SafetensorsFile::Open(path)->Get("a").numel(), 1);
}

TEST(SafetensorsFileTest, RefusesWhatIsNotAReadableRegularFile) {
  const TestFolder folder;
  folder.Write("folder.safetensors/inside", "");
  EXPECT_THAT(ProblemsOf([&] { SafetensorsFile::Open(folder.path() / "folder.safetensors"); }),
              ElementsAre(HasSubstr("not a regular file")));
  EXPECT_THAT(ProblemsOf([&] { SafetensorsFile::Open(folder.path() / "missing.safetensors"); }),
              ElementsAre(HasSubstr("No such file")));
  EXPECT_THAT(ProblemsOf([&] { SafetensorsFile::Open("/dev/null"); }), ElementsAre(HasSubstr("not a regular file")));
  EXPECT_THAT(ProblemsOf([&] { SafetensorsFile::Open(folder.Write("empty.safetensors", "")); }),
              ElementsAre(HasSubstr("too short")));
}

}  // namespace
}  // namespace latentd::model
