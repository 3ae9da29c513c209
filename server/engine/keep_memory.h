#pragma once

namespace latentd::engine {

// Lets the process keep memory that it has freed, up to 256 MiB at the end of each of the allocator's arenas: what one
// step of denoising frees, the next needs, and pages that were given back are cleared and mapped anew, thousands for
// each picture. Once, before other threads start.
void KeepFreedMemory();

}  // namespace latentd::engine
