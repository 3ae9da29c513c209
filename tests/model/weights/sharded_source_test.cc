#include "model/weights/sharded_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "model/errors.h"
#include "tests/model/weights/test_folder.h"

namespace latentd::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

// A shard with one byte for each name.
std::string Shard(const std::string& names) {
  nlohmann::json header;
  for (size_t i = 0; i < names.size(); ++i) {
    header[names.substr(i, 1)] = {{"dtype", "U8"}, {"shape", {1}}, {"data_offsets", {i, i + 1}}};
  }
  return SafetensorsBytes(header.dump(), names);
}

constexpr const char* kIndex = "model.safetensors.index.json";

TEST(ShardedSourceTest, FindsEveryTensorInItsFile) {
  const TestFolder folder;
  folder.Write("one.safetensors", Shard("ac"));
  folder.Write("two.safetensors", Shard("b"));
  const auto source = ShardedSource::Open(
      folder.Write(kIndex, R"({"metadata":{"total_size":3},)"
                           R"("weight_map":{"a":"one.safetensors","b":"two.safetensors","c":"one.safetensors"}})"));
  EXPECT_THAT(source->tensors(), testing::SizeIs(3));
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_EQ(source->Get(name).item<uint8_t>(), name[0]);
    source->Release(name);
    EXPECT_EQ(source->Get(name).item<uint8_t>(), name[0]);
  }
}

TEST(ShardedSourceTest, ListsMissingAndBrokenFilesAndMisplacedTensors) {
  const TestFolder folder;
  folder.Write("one.safetensors", Shard("ax"));
  folder.Write("two.safetensors", "1234567");
  const auto index = folder.Write(
      kIndex,
      R"({"weight_map":{"a":"one.safetensors","b":"one.safetensors","c":"two.safetensors","d":"three.safetensors"}})");
  EXPECT_THAT(ProblemsOf([&] { ShardedSource::Open(index); }),
              UnorderedElementsAre(HasSubstr("one.safetensors: does not hold 'b'"),
                                   HasSubstr("one.safetensors: holds 'x', which the index does not"),
                                   HasSubstr("two.safetensors: is too short"),
                                   HasSubstr("three.safetensors: cannot be opened")));
}

TEST(ShardedSourceTest, RefusesATensorThatASecondFileHoldsToo) {
  const TestFolder folder;
  folder.Write("one.safetensors", Shard("a"));
  folder.Write("two.safetensors", Shard("ab"));
  const auto index = folder.Write(kIndex, R"({"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})");
  EXPECT_THAT(ProblemsOf([&] { ShardedSource::Open(index); }),
              ElementsAre(HasSubstr("two.safetensors: holds 'a', which the index does not put there")));
}

TEST(ShardedSourceTest, RefusesPathsThatLeaveTheFolder) {
  const TestFolder folder;
  folder.Write("x.safetensors", Shard("a"));
  folder.Write("inner/y.safetensors", Shard("a"));
  for (const std::string file : {"../x.safetensors", "/etc/x.safetensors", "..\\\\x.safetensors", "inner/y.safetensors",
                                 "", "..", "x.safetensors\\u0000.safetensors", "x.bin"}) {
    const auto index = folder.Write(std::string("inner/") + kIndex, R"({"weight_map":{"a":")" + file + "\"}}");
    EXPECT_THAT(ProblemsOf([&] { ShardedSource::Open(index); }), ElementsAre(HasSubstr("not the plain name"))) << file;
  }
}

TEST(ShardedSourceTest, RefusesAnIndexThatIsNotOne) {
  const TestFolder folder;
  const auto problems = [&](const std::string& text) {
    return ProblemsOf([&] { ShardedSource::Open(folder.Write(kIndex, text)); });
  };
  EXPECT_THAT(problems("{"), ElementsAre(HasSubstr("not valid JSON")));
  EXPECT_THAT(problems("[]"), ElementsAre(HasSubstr("no object 'weight_map'")));
  EXPECT_THAT(problems(R"({"weight_map":[]})"), ElementsAre(HasSubstr("no object 'weight_map'")));
  EXPECT_THAT(problems(R"({"weight_map":{"a":1}})"), ElementsAre("a: its file is not a string"));
  EXPECT_THAT(ProblemsOf([&] { ShardedSource::Open(folder.path() / "none.json"); }),
              ElementsAre(HasSubstr("cannot be read")));
}

}  // namespace
}  // namespace latentd::model
