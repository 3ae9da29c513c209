// Writes pictures and clips in every format into a folder, for read_back.py: NAME.{png,jpg,webp}, clip.{webp,gif,mp4},
// and NAME.rgb with the pixels.
//
//   imaging_samples FOLDER

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "server/imaging/clip.h"
#include "server/imaging/encode.h"
#include "tests/server/imaging/test_picture.h"

namespace latentd::imaging {
namespace {

void Write(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  if (!(file << bytes)) {
    std::fprintf(stderr, "cannot write %s\n", path.c_str());
    std::exit(1);
  }
}

void WriteSample(const std::string& path, const Picture& picture, const Metadata* metadata) {
  const std::pair<core::ImageFormat, const char*> formats[] = {
      {core::ImageFormat::kPng, ".png"}, {core::ImageFormat::kJpeg, ".jpg"}, {core::ImageFormat::kWebp, ".webp"}};
  for (const auto& [format, suffix] : formats) {
    const auto file = metadata != nullptr ? Encode(picture, format, 90, *metadata)
                                          : EncodePreview(picture, format, 90, "latentd 0.1.0");
    if (!file.ok()) {
      std::fprintf(stderr, "%s\n", file.status().ToString().c_str());
      std::exit(1);
    }
    Write(path + suffix, *file);
  }
  Write(path + ".rgb", std::string(picture.rgb.begin(), picture.rgb.end()));
}

void WriteClips(const std::string& path, const Metadata& metadata) {
  const std::vector<Picture> frames = TestClip(66, 34, 7);
  const std::pair<core::ClipFormat, const char*> formats[] = {
      {core::ClipFormat::kWebp, ".webp"}, {core::ClipFormat::kGif, ".gif"}, {core::ClipFormat::kMp4, ".mp4"}};
  for (const auto& [format, suffix] : formats) {
    const auto file = EncodeClip(frames, {.format = format, .fps = 8, .quality = 95}, metadata);
    if (!file.ok()) {
      std::fprintf(stderr, "%s\n", file.status().ToString().c_str());
      std::exit(1);
    }
    Write(path + suffix, *file);
  }
  std::string pixels;
  for (const Picture& frame : frames) pixels.append(frame.rgb.begin(), frame.rgb.end());
  Write(path + ".rgb", pixels);
}

void WriteSamples(const std::string& folder) {
  const Picture picture = TestPicture(61, 35);
  Metadata metadata = TestMetadata();
  WriteSample(folder + "/latin", picture, &metadata);
  metadata = TestMetadata("ein Apfel \xE2\x80\x93 \xE8\x8B\xB9\xE6\x9E\x9C \xF0\x9F\x8D\x8E & <x>, \"y\"\nsecond line");
  WriteSample(folder + "/unicode", picture, &metadata);
  metadata.fields.omit_prompts = true;
  WriteSample(folder + "/omitted", picture, &metadata);
  std::string apples;
  for (int i = 0; i < 8192; ++i) apples += "\xF0\x9F\x8D\x8E";
  metadata = TestMetadata(apples);
  metadata.fields.negative_prompt = apples;
  WriteSample(folder + "/long", picture, &metadata);
  WriteSample(folder + "/preview", picture, nullptr);
  metadata = TestMetadata();
  WriteSample(folder + "/dot", TestPicture(1, 1), &metadata);
  WriteClips(folder + "/clip", metadata);
}

}  // namespace
}  // namespace latentd::imaging

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  latentd::imaging::WriteSamples(argv[1]);
}
