#include "server/imaging/ffmpeg.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavformat/avformat.h>
#include <libavutil/dict.h>
#include <libavutil/log.h>
#include <libavutil/opt.h>
}

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace latentd::imaging {
namespace {

// FFmpeg frees through a pointer to the pointer.
template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(&object);
  }
};
using Frame = std::unique_ptr<AVFrame, Deleter<av_frame_free>>;
using Packet = std::unique_ptr<AVPacket, Deleter<av_packet_free>>;
using Codec = std::unique_ptr<AVCodecContext, Deleter<avcodec_free_context>>;
using Graph = std::unique_ptr<AVFilterGraph, Deleter<avfilter_graph_free>>;
using Ends = std::unique_ptr<AVFilterInOut, Deleter<avfilter_inout_free>>;

// Thrown within this file alone, where every second line can fail.
struct FfmpegError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

int Check(int result, const char* what) {
  if (result >= 0) return result;
  std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
  av_strerror(result, text.data(), text.size());
  throw FfmpegError(absl::StrCat(what, ": ", text.data()));
}

template <typename T>
T* Made(T* object) {
  if (object == nullptr) throw std::bad_alloc();
  return object;
}

// Options on their way into FFmpeg, which takes out those that it knows.
class Dictionary {
 public:
  explicit Dictionary(const FfmpegOptions& options) {
    for (const auto& [name, value] : options) av_dict_set(&dictionary_, name.c_str(), value.c_str(), 0);
  }
  Dictionary(const Dictionary&) = delete;
  Dictionary& operator=(const Dictionary&) = delete;
  ~Dictionary() { av_dict_free(&dictionary_); }

  AVDictionary** get() { return &dictionary_; }

  void CheckAllTaken() const {
    if (const AVDictionaryEntry* left = av_dict_get(dictionary_, "", nullptr, AV_DICT_IGNORE_SUFFIX)) {
      throw FfmpegError(absl::StrCat("unknown option ", left->key));
    }
  }

 private:
  AVDictionary* dictionary_ = nullptr;
};

// A file in memory that a muxer may go back in.
class MemoryFile {
 public:
  MemoryFile() {
    constexpr int kBuffer = 1 << 16;
    auto* buffer = static_cast<unsigned char*>(Made(av_malloc(kBuffer)));
    context_ = avio_alloc_context(buffer, kBuffer, /*write_flag=*/1, this, nullptr, &MemoryFile::Write, &Seek);
    if (context_ == nullptr) {
      av_free(buffer);
      throw std::bad_alloc();
    }
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() {
    av_freep(static_cast<void*>(&context_->buffer));
    avio_context_free(&context_);
  }

  AVIOContext* context() { return context_; }

  std::string Take() {
    avio_flush(context_);
    return std::move(bytes_);
  }

 private:
  static int Write(void* opaque, uint8_t* data, int size) {
    auto& file = *static_cast<MemoryFile*>(opaque);
    const auto count = static_cast<size_t>(size);
    if (file.bytes_.size() < file.position_ + count) file.bytes_.resize(file.position_ + count);
    std::memcpy(file.bytes_.data() + file.position_, data, count);
    file.position_ += count;
    return size;
  }

  static int64_t Seek(void* opaque, int64_t offset, int whence) {
    auto& file = *static_cast<MemoryFile*>(opaque);
    const auto size = static_cast<int64_t>(file.bytes_.size());
    if (whence == AVSEEK_SIZE) return size;
    if (whence == SEEK_CUR) offset += static_cast<int64_t>(file.position_);
    if (whence == SEEK_END) offset += size;
    if (offset < 0) return AVERROR(EINVAL);
    file.position_ = static_cast<size_t>(offset);
    return offset;
  }

  AVIOContext* context_;
  std::string bytes_;
  size_t position_ = 0;
};

// The filters, between a source of RGB frames and a sink.
class Filters {
 public:
  Filters(const std::string& filters, const Picture& first, AVRational time_base)
      : graph_(Made(avfilter_graph_alloc())) {
    graph_->nb_threads = 1;
    const std::string input = absl::StrFormat("video_size=%dx%d:pix_fmt=rgb24:time_base=%d/%d:pixel_aspect=1/1",
                                              first.width, first.height, time_base.num, time_base.den);
    Check(avfilter_graph_create_filter(&source_, avfilter_get_by_name("buffer"), "in", input.c_str(), nullptr,
                                       graph_.get()),
          "source of frames");
    Check(
        avfilter_graph_create_filter(&sink_, avfilter_get_by_name("buffersink"), "out", nullptr, nullptr, graph_.get()),
        "sink of frames");
    // As seen from the description: its input is what the source puts out.
    Ends outputs = End("in", source_), inputs = End("out", sink_);
    AVFilterInOut *open_inputs = inputs.release(), *open_outputs = outputs.release();
    const int parsed = avfilter_graph_parse_ptr(graph_.get(), filters.c_str(), &open_inputs, &open_outputs, nullptr);
    inputs.reset(open_inputs);
    outputs.reset(open_outputs);
    Check(parsed, "filters");
    Check(avfilter_graph_config(graph_.get(), nullptr), "filters");
  }

  AVPixelFormat format() const { return static_cast<AVPixelFormat>(av_buffersink_get_format(sink_)); }

  // Null: no more frames.
  void Push(AVFrame* frame) { Check(av_buffersrc_add_frame(source_, frame), "filtering"); }

  // False: nothing is ready (any more).
  bool Pull(AVFrame* frame) {
    const int result = av_buffersink_get_frame(sink_, frame);
    if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return false;
    Check(result, "filtering");
    return true;
  }

 private:
  static Ends End(const char* name, AVFilterContext* filter) {
    Ends end(Made(avfilter_inout_alloc()));
    end->name = Made(av_strdup(name));
    end->filter_ctx = filter;
    return end;
  }

  const Graph graph_;
  AVFilterContext* source_ = nullptr;  // owned by the graph, as the next
  AVFilterContext* sink_ = nullptr;
};

Frame RgbFrame(const Picture& picture, int64_t time) {
  Frame frame(Made(av_frame_alloc()));
  frame->format = AV_PIX_FMT_RGB24;
  frame->width = picture.width;
  frame->height = picture.height;
  frame->pts = time;
  Check(av_frame_get_buffer(frame.get(), 0), "frame");
  const size_t row = 3 * static_cast<size_t>(picture.width);
  for (int y = 0; y < picture.height; ++y) {
    std::memcpy(frame->data[0] + static_cast<ptrdiff_t>(y) * frame->linesize[0],
                picture.rgb.data() + static_cast<size_t>(y) * row, row);
  }
  return frame;
}

class Encoding {
 public:
  Encoding(const AVCodec* encoder, const Picture& first, int fps, const FfmpegWay& way)
      : fps_(fps),
        ticks_(way.ticks_per_second),
        filters_(way.filters, first, {1, ticks_}),
        codec_(Made(avcodec_alloc_context3(encoder))),
        packet_(Made(av_packet_alloc())) {
    Check(avformat_alloc_output_context2(&muxer_, nullptr, way.muxer.c_str(), nullptr), "container");
    muxer_->pb = file_.context();
    muxer_->flags |= AVFMT_FLAG_BITEXACT;  // no versions and times in the file
    if (!way.comment.empty()) av_dict_set(&muxer_->metadata, "comment", way.comment.c_str(), 0);

    codec_->width = first.width;
    codec_->height = first.height;
    codec_->pix_fmt = filters_.format();
    codec_->time_base = {1, ticks_};
    codec_->framerate = {fps, 1};
    codec_->thread_count = 1;
    codec_->flags |= AV_CODEC_FLAG_BITEXACT;
    if ((muxer_->oformat->flags & AVFMT_GLOBALHEADER) != 0) codec_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    Dictionary encoder_options(way.encoder_options);
    Check(avcodec_open2(codec_.get(), encoder, encoder_options.get()), "encoder");
    encoder_options.CheckAllTaken();

    stream_ = Made(avformat_new_stream(muxer_, nullptr));
    stream_->time_base = codec_->time_base;
    stream_->avg_frame_rate = codec_->framerate;
    Check(avcodec_parameters_from_context(stream_->codecpar, codec_.get()), "stream");
    Dictionary muxer_options(way.muxer_options);
    Check(avformat_write_header(muxer_, muxer_options.get()), "header");
    muxer_options.CheckAllTaken();
  }
  Encoding(const Encoding&) = delete;
  Encoding& operator=(const Encoding&) = delete;
  ~Encoding() { avformat_free_context(muxer_); }

  std::string Run(std::span<const Picture> frames) {
    for (size_t i = 0; i < frames.size(); ++i) {
      filters_.Push(RgbFrame(frames[i], TimeOf(static_cast<int64_t>(i))).get());
      EncodeFiltered();
    }
    filters_.Push(nullptr);
    EncodeFiltered();
    Encode(nullptr);
    Check(av_write_trailer(muxer_), "trailer");
    return file_.Take();
  }

 private:
  // Ticks before a frame begins, rounded.
  int64_t TimeOf(int64_t frame) const { return (2 * frame * ticks_ + fps_) / (2 * fps_); }

  void EncodeFiltered() {
    const Frame frame(Made(av_frame_alloc()));
    while (filters_.Pull(frame.get())) {
      frame->pict_type = AV_PICTURE_TYPE_NONE;
      Encode(frame.get());
      av_frame_unref(frame.get());
    }
  }

  // Null: no more frames.
  void Encode(const AVFrame* frame) {
    Check(avcodec_send_frame(codec_.get(), frame), "encoding");
    for (;;) {
      const int result = avcodec_receive_packet(codec_.get(), packet_.get());
      if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return;
      Check(result, "encoding");
      const int64_t index = (packet_->pts * fps_ + ticks_ / 2) / ticks_;
      packet_->duration = TimeOf(index + 1) - packet_->pts;
      av_packet_rescale_ts(packet_.get(), codec_->time_base, stream_->time_base);
      packet_->stream_index = stream_->index;
      Check(av_interleaved_write_frame(muxer_, packet_.get()), "writing");
    }
  }

  const int fps_;
  const int ticks_;
  Filters filters_;
  const Codec codec_;
  const Packet packet_;
  MemoryFile file_;
  AVFormatContext* muxer_ = nullptr;
  AVStream* stream_ = nullptr;  // owned by the muxer
};

}  // namespace

absl::StatusOr<std::string> EncodeThroughFfmpeg(std::span<const Picture> frames, int fps, const FfmpegWay& way) {
  // Its messages go past our log; what fails comes back as a status.
  static const bool quiet = (av_log_set_level(AV_LOG_QUIET), true);
  static_cast<void>(quiet);
  const AVCodec* const encoder = avcodec_find_encoder_by_name(way.encoder.c_str());
  if (encoder == nullptr) {
    return absl::UnimplementedError(absl::StrCat("FFmpeg was built without the encoder ", way.encoder));
  }
  try {
    return Encoding(encoder, frames[0], fps, way).Run(frames);
  } catch (const FfmpegError& error) {
    return absl::InternalError(absl::StrCat("FFmpeg: ", error.what()));
  }
}

}  // namespace latentd::imaging
