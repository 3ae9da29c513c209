#include "tests/client/fake_server.h"

#include <utility>

#include "client/cpp/sha256.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/server_builder.h"

namespace latentd::client {
namespace {

grpc::Status NoSuchJob(const std::string& name) {
  google::rpc::ResourceInfo resource;
  resource.set_resource_type("job");
  resource.set_resource_name(name);
  return ServerError(grpc::StatusCode::NOT_FOUND, name + " is not known here", "JOB_NOT_FOUND", {&resource});
}

// One entry a page; the token is the next index.
template <typename Message>
std::string Page(const std::vector<Message>& all, const std::string& token,
                 google::protobuf::RepeatedPtrField<Message>& page) {
  const size_t index = token.empty() ? 0 : std::stoul(token);
  if (index < all.size()) {
    *page.Add() = all[index];
  }
  return index + 1 < all.size() ? std::to_string(index + 1) : "";
}

}  // namespace

template <typename Script>
Script FakeServer::Take(std::deque<Script>& scripts) {
  if (scripts.empty()) {
    return nullptr;
  }
  Script script = scripts.front();
  if (scripts.size() > 1) {
    scripts.pop_front();
  }
  return script;
}

class FakeServer::Images : public v1::ImageGeneration::Service {
 public:
  explicit Images(FakeServer& fake) : fake_(fake) {}

  grpc::Status CreateJob(grpc::ServerContext* context, const v1::CreateJobRequest* request, v1::Job* job) override {
    CreateScript script;
    {
      const std::lock_guard<std::mutex> lock(fake_.mutex_);
      fake_.create_requests_.push_back(*request);
      script = Take(fake_.create);
    }
    job->set_name("jobs/1");
    return script ? script(*context, *request, *job) : grpc::Status::OK;
  }

  grpc::Status WatchJob(grpc::ServerContext* context, const v1::WatchJobRequest* request,
                        grpc::ServerWriter<v1::Event>* writer) override {
    WatchScript script;
    {
      const std::lock_guard<std::mutex> lock(fake_.mutex_);
      fake_.watch_requests_.push_back(*request);
      script = Take(fake_.watch);
    }
    return script ? script(*context, *request, *writer) : Play(History("a picture"))(*context, *request, *writer);
  }

  grpc::Status GetJob(grpc::ServerContext*, const v1::GetJobRequest* request, v1::Job* response) override {
    return Find(request->name(), *response);
  }

  grpc::Status ListJobs(grpc::ServerContext*, const v1::ListJobsRequest* request,
                        v1::ListJobsResponse* response) override {
    {
      const std::lock_guard<std::mutex> lock(fake_.mutex_);
      fake_.list_requests_.push_back(*request);
    }
    response->set_next_page_token(Page(fake_.jobs, request->page_token(), *response->mutable_jobs()));
    return grpc::Status::OK;
  }

  grpc::Status CancelJob(grpc::ServerContext*, const v1::CancelJobRequest* request, v1::Job* response) override {
    {
      const std::lock_guard<std::mutex> lock(fake_.mutex_);
      fake_.cancelled_.push_back(request->name());
    }
    if (fake_.on_cancel) {
      fake_.on_cancel(request->name());
    }
    return Find(request->name(), *response);
  }

  grpc::Status DeleteJob(grpc::ServerContext*, const v1::DeleteJobRequest* request, google::protobuf::Empty*) override {
    const std::lock_guard<std::mutex> lock(fake_.mutex_);
    fake_.deleted_.push_back(request->name());
    return grpc::Status::OK;
  }

  grpc::Status GetOutput(grpc::ServerContext*, const v1::GetOutputRequest* request,
                         google::api::HttpBody* response) override {
    if (request->index() < 0) {
      return ServerError(grpc::StatusCode::INVALID_ARGUMENT, "index is negative", "INVALID_REQUEST");
    }
    response->set_content_type("image/png");
    response->set_data(fake_.output);
    return grpc::Status::OK;
  }

  grpc::Status GetStats(grpc::ServerContext*, const v1::GetStatsRequest*, v1::Stats* response) override {
    response->set_queued_jobs(3);
    response->set_running_jobs(2);
    response->set_images_per_second(1.25);
    response->set_device("cpu");
    response->set_dtype("float32");
    response->set_version("0.1.0");
    return fake_.stats ? fake_.stats(*response) : grpc::Status::OK;
  }

 private:
  grpc::Status Find(const std::string& name, v1::Job& response) {
    for (const v1::Job& job : fake_.jobs) {
      if (job.name() == name) {
        response = job;
        return grpc::Status::OK;
      }
    }
    return NoSuchJob(name);
  }

  FakeServer& fake_;
};

class FakeServer::ModelList : public v1::Models::Service {
 public:
  explicit ModelList(FakeServer& fake) : fake_(fake) {}

  grpc::Status ListModels(grpc::ServerContext*, const v1::ListModelsRequest* request,
                          v1::ListModelsResponse* response) override {
    response->set_next_page_token(Page(fake_.models, request->page_token(), *response->mutable_models()));
    return grpc::Status::OK;
  }

  grpc::Status ListAdapters(grpc::ServerContext*, const v1::ListAdaptersRequest* request,
                            v1::ListAdaptersResponse* response) override {
    response->set_next_page_token(Page(fake_.adapters, request->page_token(), *response->mutable_adapters()));
    return grpc::Status::OK;
  }

  grpc::Status GetModel(grpc::ServerContext*, const v1::GetModelRequest* request, v1::Model* response) override {
    response->set_name(request->name());
    return grpc::Status::OK;
  }

  grpc::Status LoadModel(grpc::ServerContext*, const v1::LoadModelRequest* request, v1::Model* response) override {
    response->set_name(request->name());
    response->set_state(v1::Model::STATE_LOADED);
    return grpc::Status::OK;
  }

  grpc::Status UnloadModel(grpc::ServerContext*, const v1::UnloadModelRequest* request, v1::Model*) override {
    return ServerError(grpc::StatusCode::FAILED_PRECONDITION, request->name() + " is in use", "MODEL_IN_USE");
  }

 private:
  FakeServer& fake_;
};

class FakeServer::BlobList : public v1::Blobs::Service {
 public:
  explicit BlobList(FakeServer& fake) : fake_(fake) {}

  grpc::Status PutChunk(grpc::ServerContext*, const v1::PutChunkRequest* request, v1::Blob* response) override {
    PutScript script;
    {
      const std::lock_guard<std::mutex> lock(fake_.mutex_);
      fake_.put_requests_.push_back(*request);
      script = Take(fake_.put);
    }
    return script ? script(*request, *response) : fake_.TakePart(*request, *response);
  }

 private:
  FakeServer& fake_;
};

grpc::Status FakeServer::TakePart(const v1::PutChunkRequest& request, v1::Blob& response) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::string& blob = blobs[request.sha256()];
  const auto size = static_cast<int64_t>(blob.size());
  if (request.offset() <= size && request.offset() + static_cast<int64_t>(request.data().size()) > size) {
    blob.replace(request.offset(), std::string::npos, request.data());
  }
  response.set_sha256(request.sha256());
  response.set_total_size(request.total_size());
  response.set_received_size(static_cast<int64_t>(blob.size()));
  response.set_complete(response.received_size() == request.total_size());
  return grpc::Status::OK;
}

FakeServer::FakeServer(bool serving, const std::string& ip, const std::shared_ptr<grpc::ServerCredentials>& credentials)
    : images_(std::make_unique<Images>(*this)),
      model_list_(std::make_unique<ModelList>(*this)),
      blob_list_(std::make_unique<BlobList>(*this)) {
  grpc::EnableDefaultHealthCheckService(true);
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(ip + ":0", credentials ? credentials : grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(images_.get());
  builder.RegisterService(model_list_.get());
  builder.RegisterService(blob_list_.get());
  server_ = builder.BuildAndStart();
  server_->GetHealthCheckService()->SetServingStatus(serving);
  address_ = ip + ":" + std::to_string(port);
}

FakeServer::~FakeServer() { server_->Shutdown(std::chrono::system_clock::now()); }

std::vector<v1::CreateJobRequest> FakeServer::create_requests() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return create_requests_;
}

std::vector<v1::WatchJobRequest> FakeServer::watch_requests() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return watch_requests_;
}

std::vector<v1::PutChunkRequest> FakeServer::put_requests() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return put_requests_;
}

std::vector<v1::ListJobsRequest> FakeServer::list_requests() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return list_requests_;
}

std::vector<std::string> FakeServer::cancelled() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return cancelled_;
}

std::vector<std::string> FakeServer::deleted() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return deleted_;
}

v1::Event MakeEvent(int64_t sequence) {
  v1::Event event;
  event.set_job("jobs/1");
  event.set_sequence(sequence);
  return event;
}

v1::Event Announce(int64_t sequence, int index, const std::string& data) {
  v1::Event event = MakeEvent(sequence);
  v1::Output& output = *event.mutable_output();
  output.set_index(index);
  output.set_kind(v1::Output::KIND_IMAGE);
  output.set_state(v1::Output::STATE_OK);
  output.set_seed(7 + index);
  output.set_media_type("image/png");
  output.set_width(64);
  output.set_height(48);
  output.set_size(static_cast<int64_t>(data.size()));
  output.set_sha256(Sha256Hex(data));
  return event;
}

v1::Event Chunk(int64_t sequence, int index, int64_t offset, const std::string& data) {
  v1::Event event = MakeEvent(sequence);
  event.mutable_output_chunk()->set_index(index);
  event.mutable_output_chunk()->set_offset(offset);
  event.mutable_output_chunk()->set_data(data);
  return event;
}

std::vector<v1::Event> History(const std::string& data, size_t chunk_size) {
  std::vector<v1::Event> events;
  const auto next = [&] { return static_cast<int64_t>(events.size()) + 1; };
  events.push_back(MakeEvent(next()));
  events.back().mutable_queued()->set_position(2);
  events.back().mutable_queued()->mutable_eta()->set_seconds(4);
  events.push_back(MakeEvent(next()));
  events.back().mutable_started()->set_seed(7);
  for (int step = 1; step <= 2; ++step) {
    events.push_back(MakeEvent(next()));
    events.back().mutable_progress()->set_step(step);
    events.back().mutable_progress()->set_total_steps(2);
  }
  events.push_back(Announce(next(), 0, data));
  for (size_t offset = 0; offset < data.size(); offset += chunk_size) {
    events.push_back(Chunk(next(), 0, static_cast<int64_t>(offset), data.substr(offset, chunk_size)));
  }
  events.push_back(MakeEvent(next()));
  v1::Usage& usage = *events.back().mutable_completed()->mutable_usage();
  usage.mutable_queue_time()->set_nanos(500'000'000);
  usage.mutable_denoise_time()->set_seconds(1);
  usage.set_evaluations(2);
  return events;
}

FakeServer::WatchScript PlayFirst(size_t count, std::vector<v1::Event> events, grpc::Status status) {
  return [count, events = std::move(events), status = std::move(status)](
             grpc::ServerContext&, const v1::WatchJobRequest& request, grpc::ServerWriter<v1::Event>& writer) {
    size_t left = count;
    for (const v1::Event& event : events) {
      const bool wanted = event.sequence() == 0 || event.sequence() > request.after_sequence();
      if (wanted && left > 0) {
        writer.Write(event);
        --left;
      }
    }
    return status;
  };
}

FakeServer::WatchScript Play(std::vector<v1::Event> events, grpc::Status status) {
  const size_t all = events.size();
  return PlayFirst(all, std::move(events), std::move(status));
}

grpc::Status ServerError(grpc::StatusCode code, const std::string& message, const std::string& reason,
                         const std::vector<const google::protobuf::Message*>& details) {
  google::rpc::Status status;
  status.set_code(code);
  status.set_message(message);
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("latentd");
  status.add_details()->PackFrom(info);
  for (const google::protobuf::Message* detail : details) {
    status.add_details()->PackFrom(*detail);
  }
  return grpc::Status(code, message, status.SerializeAsString());
}

}  // namespace latentd::client
