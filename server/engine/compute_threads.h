#pragma once

namespace latentd::engine {

// Lets LibTorch and what it brings (OpenMP, MKL) compute with `threads` threads, at least 1, on behalf of the calling
// thread, and of it alone. at::set_num_threads speaks for one thread to OpenMP and for all of them to MKL: a second
// thread's team then makes libgomp think that the cores are overcommitted, and the engine's team sleeps instead of
// spinning before each of its hundreds of short parallel regions, at half the speed.
void UseComputeThreads(int threads);

// Lets threads that answer callers go first where the calling thread, and those that it starts from now on, compete
// with them for a core: they need it for microseconds, and a forward takes all cores for as long as it likes.
void YieldToCallers();

}  // namespace latentd::engine
