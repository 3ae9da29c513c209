#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/server/rpc/rpc_fixture.h"

namespace latentd::rpc {

using Stream = grpc::ClientReader<v1::Event>;

// Opens streams and reads them.
class StreamTest : public RpcTest {
 protected:
  std::unique_ptr<Stream> Generate(grpc::ClientContext* context) {
    v1::GenerateRequest request;
    *request.mutable_spec() = Spec();
    return images_->Generate(context, request);
  }

  std::unique_ptr<Stream> Watch(grpc::ClientContext* context, const std::string& job, int64_t after = 0) {
    v1::WatchJobRequest request;
    request.set_name(job);
    request.set_after_sequence(after);
    return images_->WatchJob(context, request);
  }

  static v1::Event Next(Stream& stream) {
    v1::Event event;
    EXPECT_TRUE(stream.Read(&event)) << "the stream ended";
    return event;
  }

  static std::vector<v1::Event> Rest(Stream& stream) {
    std::vector<v1::Event> events;
    for (v1::Event event; stream.Read(&event);) events.push_back(event);
    return events;
  }

  void Progress(const std::string& job, int step, int output = 0, size_t preview_bytes = 0) {
    core::Progress progress{.output_index = output, .step = step, .total_steps = 25};
    if (preview_bytes > 0) {
      progress.preview = core::ImagePreview{.format = core::ImageFormat::kJpeg,
                                            .width = 8,
                                            .height = 8,
                                            .data = std::make_shared<const std::string>(preview_bytes, 'p')};
    }
    store_.OnProgress(job, progress);
  }
};

inline std::vector<v1::Event::KindCase> Kinds(const std::vector<v1::Event>& events) {
  std::vector<v1::Event::KindCase> kinds;
  for (const v1::Event& event : events) kinds.push_back(event.kind_case());
  return kinds;
}

}  // namespace latentd::rpc
