#pragma once

// Bytes of the server into a file: written aside in the same directory, then renamed, so that a
// file with its right name is always whole, and an existing one (or a link) is replaced and never
// written through.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/result.h"
#include "cli/http_client.h"

namespace sluice::cli {

struct Download {
  long status = 200;
  std::filesystem::path path;
  std::uint64_t size = 0;
};

// `choose_name` sees the answer's head and returns one safe component. A status that is no success
// becomes its problem, but a 404 (where nothing is there to be had) leaves no file and is told by
// `status`.
Result<Download> download(HttpClient& client, const Request& request,
                          const std::filesystem::path& directory,
                          const std::function<std::string(const Response&)>& choose_name);

}  // namespace sluice::cli
