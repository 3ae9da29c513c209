#pragma once

#include "latentd/v1/job.pb.h"
#include "latentd/v1/spec.pb.h"
#include "server/core/event.h"
#include "server/core/generation_request.h"
#include "server/core/job_store.h"

namespace latentd::rpc {

// The API's messages for the core's jobs.
v1::Job ToProto(const core::Job& job);
v1::Output ToProto(const core::Output& output);  // without the bytes
v1::Usage ToProto(const core::Usage& usage);
v1::Warning ToProto(const core::Warning& warning);
v1::GenerationSpec SpecToProto(const core::RequestFields& fields);
v1::JobOptions OptionsToProto(const core::RequestFields& fields);

}  // namespace latentd::rpc
