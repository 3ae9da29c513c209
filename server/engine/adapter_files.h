#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "server/core/adapter.h"

namespace latentd::engine {

// How adapters lie in their folder.

// The file that an entry of the folder stands for: a .safetensors file, that of a subfolder (of several variants the
// one that diffusers would take: of full precision, if there is one), or a pickled file without its conversion beside
// it. Empty: it is no adapter.
std::filesystem::path AdapterWeights(const std::filesystem::path& entry);

// Of an entry: the folder's name, or the file's without its ending.
std::string AdapterName(const std::filesystem::path& entry);

// PyTorch's formats, which are not read: opening one says what converts it.
bool IsPickle(const std::filesystem::path& path);

// What tells the content of an adapter from any other: hashes of its weights, of what their folder says about them, and
// of the image encoder that they need. A file is read again when its size or its time have changed. The function is
// called on one thread at a time.
std::function<std::string()> AdapterContentHash(core::AdapterKind kind, const std::filesystem::path& weights);

}  // namespace latentd::engine
